"""Source triggers: a commit is built once, whether a webhook tells of it, a look finds it, or both."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from app.site import REGISTRY, SCOPE, Site
from parts.gitserver import GitServer
from parts.registry import Registry

from baselift.app import base_rows, source_rows, task_rows
from baselift.app.change_task import change_task, delete_task
from baselift.app.on_source import on_source
from baselift.app.reconcile import reconcile
from baselift.app.source_rows import Hook
from baselift.app.watch_sources import watch_sources
from baselift.arm import runs as arm_runs
from baselift.cli import output
from baselift.domain.builds import Image
from baselift.domain.hooks import COMMIT, PULL_REQUEST, SourceEvent
from baselift.domain.hooks.repository import canonical
from baselift.domain.runs import Run, Status
from baselift.domain.source_triggers import Heads
from baselift.registry.client import Registries

TASK = "taskhello"
DOCKERFILE = "FROM scratch\nCOPY f /f\n"
MINUTE = 60
SOMETHING_ELSE = "0" * 39 + "1"


@pytest.fixture
def site(
    engine_directory: Path, registry: Registry, git_server: GitServer, registries: Registries, bases: dict[str, Image]
) -> Site:
    """A site whose app has no base: these tests are about its commits."""
    made = Site(engine_directory, registry, git_server, registries, bases)
    made.write_app(DOCKERFILE, f="1")
    return made


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


@pytest.fixture
def private_git(tmp_path: Path) -> Iterator[GitServer]:
    """A git server that asks for a token."""
    server = GitServer.start(tmp_path / "private", token="s3cret-t0ken")
    yield server
    server.stop()


async def test_a_pushed_commit_is_built_by_its_webhook(site: Site):
    await triggered(site)
    pushed = commit(site)
    commit(site, "later")
    (asked,) = await hook(site, commit=pushed, delivery="1")
    await site.drain()
    (run,) = await site.runs()
    assert (run.id, run.status, run.commit, run.run_type) == (asked.id, Status.SUCCEEDED, pushed, "AutoBuild")
    assert f"Fetched commit {pushed}" in await site.log(run)
    shown = arm_runs.show(run, SCOPE)
    trigger = shown["properties"]["sourceTrigger"]
    assert trigger.pop("id")
    assert trigger == {
        "eventType": "Git Commit",
        "commitId": pushed,
        "pullRequestId": None,
        "repositoryUrl": site.context,
        "branchName": "master",
        "providerType": "Gitea",
    }
    assert output.run_columns(output.flat(shown))["TRIGGER"] == "Git Commit"


async def test_without_a_webhook_the_reconciler_builds_the_commit(site: Site):
    await triggered(site)
    await delete_rows(site)
    await site.drain()
    await reconcile(site.world)
    assert await site.runs() == []
    pushed = commit(site)
    site.clock.turn(MINUTE + 1)
    await reconcile(site.world)
    await site.drain()
    (run,) = await site.runs()
    assert (run.status, run.commit, run.cause.kind) == (Status.SUCCEEDED, pushed, "source")
    assert run.cause.details["eventType"] == "Git Commit"
    await look(site)
    assert len(await site.runs()) == 1


async def test_deliveries_and_looks_make_one_run_of_a_commit(site: Site):
    await triggered(site)
    await look(site)
    pushed = commit(site)
    site.clock.turn(MINUTE + 1)
    hooks = [hook(site, commit=pushed, delivery=str(n)) for n in range(20)]
    looks = [watch_sources(site.world) for _ in range(5)]
    await asyncio.gather(*hooks, *looks)
    await hook(site, commit=pushed, delivery="again")
    await look(site, 11 * MINUTE)
    assert len(await site.runs()) == 1


async def test_late_and_shuffled_deliveries_make_one_run_of_each_commit(site: Site):
    await triggered(site)
    await look(site)
    first, second = commit(site, "first"), commit(site, "second")
    for each in (second, first, second, first):
        await hook(site, commit=each)
        await look(site, 11 * MINUTE)
    assert sorted(run.cause.details["commitId"] for run in await site.runs()) == sorted([first, second])


async def test_a_branch_that_is_put_back_is_built_again(site: Site):
    await triggered(site)
    await look(site)
    first = commit(site, "first")
    await look(site)
    second = commit(site, "second")
    await look(site)
    git(site, f"{site.name}.git", "update-ref", "refs/heads/master", first)
    await look(site)
    await look(site)
    built = [run.cause.details["commitId"] for run in await site.runs()]
    assert built == [first, second, first]


async def test_a_pull_request_is_built_at_its_head(site: Site):
    await triggered(site, events=(COMMIT, PULL_REQUEST))
    head = commit(site, "proposed", branch="topic")
    asked = [await hook(site, kind=PULL_REQUEST, commit=head, pull_request="7") for _ in range(2)]
    await site.drain()
    (run,) = await site.runs()
    assert [[each.id for each in runs] for runs in asked] == [[run.id]] * 2
    assert (run.status, run.commit) == (Status.SUCCEEDED, head)
    shown = arm_runs.show(run, SCOPE)
    trigger = shown["properties"]["sourceTrigger"]
    assert (trigger["eventType"], trigger["pullRequestId"], trigger["commitId"]) == ("Pull Request", "7", head)
    assert output.run_columns(output.flat(shown))["TRIGGER"] == "Pull Request"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"repositories": ("github.com/contoso/other",)}, "is for another repository than github.com/contoso/other"),
        ({"branch": "dev"}, "push to branch 'dev': trigger 'defaultSourceTriggerName' follows 'master'"),
        ({"kind": PULL_REQUEST, "pull_request": "7"}, "is not for events of kind pullrequest"),
    ],
)
async def test_an_event_that_does_not_concern_the_trigger_makes_no_run_and_says_why(site: Site, fields, why):
    await triggered(site, branch="master", url=f"{site.context}#master")
    assert await hook(site, **{"commit": SOMETHING_ELSE} | fields) == []
    assert await site.runs() == []
    kept = await source_rows.hook(site.world, REGISTRY, TASK)
    assert kept is not None
    assert why in kept.told


async def test_a_disabled_task_or_trigger_builds_no_commit_and_catches_nothing_up(site: Site):
    for off in ({"status": "Disabled"}, {"trigger_status": "Disabled"}):
        await triggered(site, **off)
        await look(site)
        pushed = commit(site, str(off.get("status", 2)))
        assert await hook(site, commit=pushed) == []
        await look(site)
        await triggered(site)
        await look(site)
        await look(site)
    assert await site.runs() == []


async def test_a_branch_that_az_filled_in_is_the_remotes_default_where_it_is_not_there(site: Site):
    name = f"{site.name}-main"
    url = site.git.create(name, {"Dockerfile": DOCKERFILE, "f": "1"})
    git(site, name, "branch", "-m", "master", "main")
    await triggered(site, url=url, contextPath=url)
    assert await hook(site, commit=SOMETHING_ELSE, branch="dev", repositories=(canonical(url),)) == []
    await look(site)
    assert (await watch(site)).follows == "main"
    pushed = site.git.commit(name, {"new": "file"}, branch="main")
    await look(site, 10 * MINUTE)
    await site.drain()
    (run,) = await site.runs()
    assert (run.commit, run.cause.details["branchName"]) == (pushed, "main")
    assert await hook(site, commit=pushed, branch="main", repositories=(canonical(url),))
    assert len(await site.runs()) == 1


@pytest.mark.parametrize(
    ("paths", "changed", "builds"),
    [
        ({}, {"docs/a.md"}, True),
        ({"context": True}, {"docs/a.md"}, False),
        ({"context": True}, {"docs/a.md", "sub/deep/x"}, True),
        ({"context": True}, {"subway/x"}, False),
        ({"context": True}, None, True),
        ({"patterns": ("docs/*.md", "lib")}, {"docs/a/b.md"}, True),
        ({"patterns": ("docs/*.md", "lib")}, {"library/x", "docs/a.txt"}, False),
    ],
)
async def test_only_changes_under_the_tasks_paths_build(site: Site, paths, changed, builds):
    await triggered(site, contextPath=f"{site.context}#master:sub")
    await source_rows.change_hook(site.world, REGISTRY, TASK, lambda hook: replace(hook, **paths))
    found = None if changed is None else frozenset(changed)
    runs = await hook(site, commit=SOMETHING_ELSE, paths=found)
    assert bool(runs) == builds
    assert [run.request["sourceLocation"] for run in runs] == [f"{site.context}#{SOMETHING_ELSE}:sub"][: len(runs)]


async def test_a_commit_has_the_tasks_bases_read_again(site: Site):
    await triggered(site, events=(PULL_REQUEST,))
    moved = replace(site.base, tag="other")
    await site.push_base("1", moved)
    pushed = site.git.commit(f"{site.name}.git", {"Dockerfile": f"FROM {moved}\n"})
    assert await hook(site, commit=pushed) == []
    await site.drain()
    assert await base_rows.get(site.world, moved) is not None


async def test_the_triggers_token_reads_a_private_repository(site: Site, private_git):
    url = private_git.create(site.name, {"Dockerfile": DOCKERFILE, "f": "1"})
    await triggered(site, contextPath=url, url=url, token=private_git.token)
    await look(site)
    assert (await watch(site)).problem == ""
    pushed = private_git.commit(site.name, {"new": "file"})
    await look(site)
    await site.drain()
    (run,) = await site.runs()
    assert (run.status, run.commit) == (Status.SUCCEEDED, pushed)
    assert private_git.token not in str([row async for row in site.store.query(source_rows.WATCHES)])


async def test_a_repository_that_cannot_be_read_is_told_and_asked_ever_less_often(site: Site):
    await triggered(site, url=site.git.address("absent"))
    await look(site)
    first = await watch(site)
    assert "absent.git was not found" in first.problem
    await look(site)
    assert (await watch(site)).failures == 1
    await look(site)
    assert (await watch(site)).failures == 2
    for _ in range(10):
        await look(site, 3601)
    assert (await watch(site)).failures == 12
    await triggered(site)
    await look(site)
    assert (await watch(site)).problem == ""


async def test_where_webhooks_arrive_looks_are_rare_until_one_is_missed(site: Site):
    await triggered(site)
    await look(site)
    await hook(site, commit=commit(site, "told"))
    quiet = (await watch(site)).looked
    await look(site)
    assert (await watch(site)).looked == quiet
    commit(site, "untold")
    await look(site, 10 * MINUTE)
    assert len(await site.runs()) == 2
    assert (await watch(site)).missed
    commit(site, "next")
    await look(site)
    assert len(await site.runs()) == 3


async def test_one_question_answers_for_all_triggers_of_a_repository(site: Site):
    asked = []

    class Counted:
        async def heads(self, url: str, token: str | None, branches: list[str]) -> Any:
            asked.append(branches)
            return await site.world.sources.heads(url, token, branches)

    await triggered(site)
    await change_task(site.world, REGISTRY, "another", lambda _: _renamed(site, "another", "topic"))
    await source_rows.arrange(site.world, REGISTRY, "another", await task_rows.get(site.world, REGISTRY, "another"))
    site.clock.turn(MINUTE + 1)
    await watch_sources(replace(site.world, sources=Counted()))
    assert asked == [["master", "topic"]]


def _renamed(site: Site, name: str, branch: str, url: str | None = None) -> dict[str, Any]:
    document = site.document(name, None, trigger=None)
    source = {"sourceControlType": "Github", "repositoryUrl": url or site.context, "branch": branch}
    trigger = {"name": "t", "status": "Enabled", "sourceTriggerEvents": [COMMIT], "sourceRepository": source}
    document["properties"]["trigger"] = {"sourceTriggers": [trigger]}
    return document


async def test_a_deleted_task_leaves_no_rows(site: Site):
    await triggered(site)
    await source_rows.change_hook(site.world, REGISTRY, TASK, lambda hook: hook)
    await look(site)
    await delete_task(site.world, REGISTRY, TASK)
    for table in (source_rows.WATCHES, source_rows.HOOKS):
        assert [row async for row in site.store.query(table)] == []


async def test_a_change_of_something_else_keeps_what_was_seen(site: Site):
    await triggered(site)
    await look(site)
    seen = (await watch(site)).heads
    await triggered(site, noCache=True)
    assert (await watch(site)).heads == seen
    await triggered(site, branch="topic")
    assert (await watch(site)).heads == ()


async def test_a_builder_that_dies_after_the_run_was_asked_for_asks_for_no_second(site: Site):
    await triggered(site)
    await look(site)
    commit(site)

    class Dying:
        def __getattr__(self, name: str) -> Any:
            return getattr(site.store, name)

        async def replace(self, table: str, row: Any) -> str:
            if table == source_rows.WATCHES:
                raise ConnectionError
            return await site.store.replace(table, row)

    site.clock.turn(MINUTE + 1)
    with pytest.raises(ExceptionGroup):
        await watch_sources(replace(site.world, tables=Dying()))
    await watch_sources(site.world)
    assert len(await site.runs()) == 1


async def test_the_pause_is_a_setting(site: Site):
    site.world = replace(site.world, source_poll=timedelta(seconds=5))
    await triggered(site)
    await look(site)
    commit(site)
    await look(site, 6)
    assert len(await site.runs()) == 1


async def test_a_look_that_took_too_long_builds_nothing_older(site: Site):
    await triggered(site)
    await look(site)
    commit(site, "older")

    class Slow:
        async def heads(self, url: str, token: str | None, branches: list[str]) -> Any:
            stale = await site.world.sources.heads(url, token, branches)
            commit(site, "newer")
            await watch_sources(site.world)
            return stale

    site.clock.turn(MINUTE + 1)
    await watch_sources(replace(site.world, sources=Slow()))
    await look(site)
    newer = (await watch(site)).heads[-1]
    assert [run.cause.details["commitId"] for run in await site.runs()] == [newer]


async def test_a_round_of_looks_ends_in_time_and_the_next_goes_on(site: Site):
    asked = []

    class Slow:
        async def heads(self, url: str, token: str | None, branches: list[str]) -> Heads:
            asked.append(url)
            site.clock.turn(MINUTE + 1)
            return Heads({"master": SOMETHING_ELSE}, "master")

    for number in range(3):
        name = f"task{number}"
        document = _renamed(site, name, "master", site.git.address(f"r{number}"))
        await change_task(site.world, REGISTRY, name, lambda _, document=document: document)
        await source_rows.arrange(site.world, REGISTRY, name, await task_rows.get(site.world, REGISTRY, name))
    for rounds in range(1, 4):
        await watch_sources(replace(site.world, sources=Slow()))
        assert len(asked) == rounds
    assert len(set(asked)) == 3


async def test_one_repository_that_fails_keeps_no_other_from_being_looked_at(site: Site):
    await triggered(site)

    class Broken:
        async def heads(self, url: str, token: str | None, branches: list[str]) -> Heads:
            if "absent" in url:
                raise ConnectionError
            return await site.world.sources.heads(url, token, branches)

    document = _renamed(site, "another", "master", site.git.address("absent"))
    await change_task(site.world, REGISTRY, "another", lambda _: document)
    await source_rows.arrange(site.world, REGISTRY, "another", await task_rows.get(site.world, REGISTRY, "another"))
    with pytest.raises(ExceptionGroup, match="looks at branches failed"):
        await watch_sources(replace(site.world, sources=Broken()))
    assert (await source_rows.watches(site.world, REGISTRY, TASK))["defaultSourceTriggerName"].heads
