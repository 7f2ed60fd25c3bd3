"""Deleting tags of older runs while processes die, several do it, and registries refuse or are away."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from app.crashing import Process, until_death
from app.site import HOSTS, REGISTRY, Site
from app.tagged import DAY, HOUR, Kept, Untagging
from parts.registry import Registry
from registry.registry_parts import serving

from baselift.app.owntags import rows
from baselift.app.owntags.expire import expire_tags
from baselift.app.owntags.keep import keep_tags
from baselift.app.world import World
from baselift.domain.runs import Run, Status
from baselift.registry.client import Registries
from baselift.registry.retry import Retry

EVERY = 8
"""A test kills at every so many calls; the two of them at different ones."""


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_dies_leaves_nothing_behind_and_takes_nothing_more(
    tmp_path: Path, registry: Registry, registries: Registries, after: bool
):
    async def fresh() -> Kept:
        kept = Kept(tmp_path, registry.host, registries)
        await kept.put_task()
        for _ in range(3):
            await kept.run()
        await kept.push("v1")
        await kept.keep(1)
        kept.clock.turn(9 * HOUR)
        return kept

    whole = Process()
    assert await until_death(expire_tags(whole.world((await fresh()).world)))
    assert whole.calls.count("registry.delete") == 2
    for at in range(4 * after, len(whole.calls), EVERY):
        process, kept = Process(at, after), await fresh()
        assert not await until_death(expire_tags(process.world(kept.world)))
        await kept.later()
        assert await kept.tags() == ["cb3", "latest", "v1"]
        assert len(await kept.quick.rows(rows.TAGS)) == 1


async def test_two_at_once_do_no_harm(kept: Kept):
    for _ in range(6):
        await kept.run()
    await kept.keep(2)
    kept.clock.turn(9 * HOUR)
    await asyncio.gather(*(expire_tags(kept.world) for _ in range(4)))
    await kept.later()
    assert await kept.tags() == ["cb5", "cb6", "latest"]


async def test_a_registry_in_which_nothing_may_be_deleted_is_told_of_and_left_alone(
    tmp_path: Path, registries: Registries
):
    part = Registry.start(tmp_path / "registry", deletes=False)
    try:
        kept = Kept(tmp_path / "state", part.host, registries)
        await kept.put_task()
        await kept.run()
        await kept.run()
        await kept.keep(1)
        found = await kept.later(rounds=1)
        assert f"{part.host} deletes nothing: its operator has to allow it" in found.problem
        counted = Process()
        for _ in range(5):
            await expire_tags(counted.world(kept.world))
        assert counted.calls == []
        pauses = []
        for _ in range(6):
            kept.clock.turn(2 * DAY)
            await expire_tags(kept.world)
            (keeper,) = [each async for each in rows.keepers(kept.world)]
            pauses.append(round((keeper.due - kept.clock().timestamp()) / HOUR))
        assert pauses == [2, 4, 8, 16, 24, 24]
        assert len(await kept.tags()) == 3
    finally:
        part.stop()


async def test_a_registry_that_deletes_single_tags_needs_no_look_at_the_others_and_may_be_away(
    tmp_path: Path, registry: Registry, parts_directory: Path
):
    client = Registries(plain_http_hosts=HOSTS, retry=Retry(attempts=1))
    double = Untagging(registry, parts_directory / "registry")
    try:
        async with serving(double) as host:
            kept = Kept(tmp_path, host, client)
            await kept.put_task()
            for _ in range(3):
                await kept.run(content="same")
            await kept.keep(1)
            double.answers = False
            kept.world = replace(kept.world, round=timedelta(seconds=0.2))
            found = await kept.later(rounds=1)
            assert found.problem == "the registry did not answer within 0.2 s"
            kept.world = replace(kept.world, round=timedelta(seconds=30))
            double.away, double.answers = True, True
            found = await kept.later(DAY, rounds=1)
            assert "503" in found.problem
            double.away, double.calls = False, []
            await expire_tags(kept.world)
            assert double.calls == []
            found = await kept.later(2 * 60)
            assert (found.problem, found.left) == ("", [])
            assert double.calls == ["HEAD", "DELETE"] * 2
            assert await kept.tags() == ["cb3", "latest"]
    finally:
        await client.close()


FILE = """version: v1.1.0
steps:
  - build: -t $Registry/{name}/app:v-$ID -t {{{{.Run.Registry}}}}/{name}/app:latest .
  - push: [$Registry/{name}/app:v-$ID, "{{{{.Run.Registry}}}}/{name}/app:latest"]
"""


async def test_a_build_and_a_task_file_tell_which_tags_are_the_runs_own_also_when_the_builder_dies(site: Site):
    await site.put_task("built", imageNames=[f"{site.name}/app:{{{{.Run.ID}}}}", f"{site.name}/app:cb1"])
    site.write_app(**{"acb.yaml": FILE.format(name=site.name)})
    step = {"type": "FileTask", "taskFilePath": "acb.yaml", "imageNames": None, "dockerFilePath": None}
    await site.put_task("filed", **step)
    for name in ("built", "filed"):
        await keep_tags(site.world, REGISTRY, name, 1)
        await site.ask(name)
    process = Process()

    async def die_instead(world: World, _: Run) -> None:
        process.dead = True
        await world.tables.get("any", "any", "any")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baselift.app.end_run.own_tags.record", die_instead)
        assert not await until_death(site.drain(process.world(site.world)))
    assert Status.SUCCEEDED in [run.status for run in await site.runs()]
    assert [row async for row in site.store.query(rows.TAGS)] == []
    await site.settle()
    filed, built = await site.runs()
    assert [filed.status, built.status] == [Status.SUCCEEDED] * 2, (filed.error, built.error)
    assert built.own_tags == (f"{site.registry.host}/{site.name}/app:{built.id}",)
    assert filed.own_tags == (f"{site.registry.host}/{site.name}/app:v-{filed.id}",)
    found = {row.values["image"] async for row in site.store.query(rows.TAGS)}
    assert found == {*built.own_tags, *filed.own_tags}


async def test_one_tag_that_the_registry_does_not_give_away_keeps_no_other(
    tmp_path: Path, registry: Registry, parts_directory: Path, registries: Registries
):
    double = Untagging(registry, parts_directory / "registry")
    double.locked = "cb1"
    async with serving(double) as host:
        kept = Kept(tmp_path, host, registries)
        await kept.put_task()
        runs = [await kept.run() for _ in range(4)]
        await kept.keep(1)
        found = await kept.later(rounds=1)
        assert "403" in found.problem
        assert "403" in await kept.why(runs[0])
        assert await kept.tags() == ["cb1", "cb4", "latest"]
        double.locked = ""
        assert (await kept.later()).problem == ""
        assert await kept.tags() == ["cb4", "latest"]
