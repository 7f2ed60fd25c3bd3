"""A task with a source trigger, and what happens to its source."""

import subprocess
from typing import Any

from app.site import REGISTRY, Site

from baselift.app import source_rows, task_rows
from baselift.app.change_task import change_task
from baselift.app.on_source import on_source
from baselift.app.source_rows import Hook
from baselift.app.watch_sources import watch_sources
from baselift.domain.hooks import COMMIT, SourceEvent
from baselift.domain.hooks.repository import canonical
from baselift.domain.runs import Run

TASK = "taskhello"
DOCKERFILE = "FROM scratch\nCOPY f /f\n"
MINUTE = 60
SOMETHING_ELSE = "0" * 39 + "1"


async def triggered(site: Site, events: tuple[str, ...] = (COMMIT,), status: str = "Enabled", **changes: Any) -> None:
    """A task whose source trigger follows master of its own repository."""
    trigger = {
        "name": "defaultSourceTriggerName",
        "status": "Enabled",
        "sourceTriggerEvents": list(events),
        "sourceRepository": {"sourceControlType": "Github", "repositoryUrl": site.context, "branch": "master"},
    }
    step = {name: value for name, value in changes.items() if name not in ("branch", "trigger_status", "url", "token")}
    source = trigger["sourceRepository"]
    source |= {"branch": changes["branch"]} if "branch" in changes else {}
    source |= {"repositoryUrl": changes["url"]} if "url" in changes else {}
    if "token" in changes:
        source["sourceControlAuthProperties"] = {"token": changes["token"], "tokenType": "PAT"}
    trigger["status"] = changes.get("trigger_status", "Enabled")

    def change(old: dict[str, Any] | None) -> dict[str, Any]:
        document = site.document(TASK, old, trigger=None, status=status, **step)
        document["properties"]["trigger"] = {"sourceTriggers": [trigger]}
        return document

    await change_task(site.world, REGISTRY, TASK, change)
    await source_rows.arrange(site.world, REGISTRY, TASK, await task_rows.get(site.world, REGISTRY, TASK))


def commit(site: Site, text: str = "changed", branch: str = "master") -> str:
    """Push a commit that changes what the app prints."""
    return site.git.commit(f"{site.name}.git", {"f": text}, branch=branch)


async def hook(site: Site, **fields: Any) -> list[Run]:
    """A webhook's event arrives."""
    given = {"kind": COMMIT, "repositories": (canonical(site.context),), "branch": "master", "provider": "Gitea"}
    task = await task_rows.get(site.world, REGISTRY, TASK)
    assert task is not None
    known = await source_rows.hook(site.world, REGISTRY, TASK) or Hook("salt")
    return await on_source(site.world, task, known, [SourceEvent(**given | fields)])


async def delete_rows(site: Site) -> None:
    async for row in site.store.query(source_rows.WATCHES):
        await site.store.delete(source_rows.WATCHES, row.partition, row.key)


async def look(site: Site, seconds: float = MINUTE + 1) -> None:
    """Time passes, and the reconciler looks."""
    site.clock.turn(seconds)
    await watch_sources(site.world)


async def watch(site: Site) -> source_rows.Watch:
    (found,) = (await source_rows.watches(site.world, REGISTRY, TASK)).values()
    return found


def git(site: Site, name: str, *words: str) -> None:
    """A git command on a repository of the server."""
    subprocess.run(["git", "--git-dir", site.git.root / f"{name}.git", *words], check=True, capture_output=True)
