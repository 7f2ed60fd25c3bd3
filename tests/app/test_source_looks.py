"""Looks at the branches that source triggers follow: how often, how long, and what becomes of them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from app.site import REGISTRY, Site
from app.sourced import DOCKERFILE, MINUTE, SOMETHING_ELSE, TASK, commit, hook, look, triggered, watch
from parts.gitserver import GitServer
from parts.registry import Registry

from baselift.app import source_rows, task_rows
from baselift.app.change_task import change_task, delete_task
from baselift.app.watch_sources import watch_sources
from baselift.domain.builds import Image
from baselift.domain.hooks import COMMIT
from baselift.domain.source_triggers import Heads
from baselift.registry.client import Registries


@pytest.fixture
def site(
    engine_directory: Path, registry: Registry, git_server: GitServer, registries: Registries, bases: dict[str, Image]
) -> Site:
    """A site whose app has no base: these tests are about its commits."""
    made = Site(engine_directory, registry, git_server, registries, bases)
    made.write_app(DOCKERFILE, f="1")
    return made


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
