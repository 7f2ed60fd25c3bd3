"""Tags of older runs are deleted where somebody asked for it: these and no others."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from app.crashing import Process
from app.site import REGISTRY
from app.tagged import DAY, HOUR, TASK, Kept

from baselift.app import base_rows, run_rows
from baselift.app.archive_run import archive_run
from baselift.app.change_task import delete_task
from baselift.app.owntags import expire, remove, rows
from baselift.app.owntags.expire import expire_tags
from baselift.app.owntags.keep import TagKeeping, tag_keeping
from baselift.app.world import NotFound
from baselift.domain.runs import Status
from baselift.domain.staleness import Dependent

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


async def test_tags_of_the_newest_runs_stay_and_those_of_older_ones_go(kept: Kept):
    for _ in range(4):
        await kept.run()
    await kept.push("cb1-by-hand", "v1")
    assert (await kept.later()).keep is None
    assert len(await kept.tags()) == 7
    await kept.keep(2)
    found = await kept.later(0)
    assert (found.keep, found.problem, found.left) == (2, "", [])
    assert await kept.tags() == ["cb1-by-hand", "cb3", "cb4", "latest", "v1"]
    await kept.run()
    await kept.later(7 * HOUR)
    assert await kept.tags() == ["cb1-by-hand", "cb3", "cb4", "cb5", "latest", "v1"]
    await kept.later(HOUR)
    assert await kept.tags() == ["cb1-by-hand", "cb4", "cb5", "latest", "v1"]
    assert len(await kept.quick.rows(rows.TAGS)) == 2


async def test_only_what_a_run_of_this_task_pushed_that_succeeded_goes(kept: Kept):
    await kept.put_task("other")
    await kept.run(task="other")
    await kept.run(status=Status.FAILED)
    await kept.run()
    await kept.run()
    await kept.keep(1)
    await kept.later()
    assert await kept.tags() == ["cb1", "cb2", "cb4", "latest"]


async def test_an_image_that_another_tag_names_stays_until_none_does(kept: Kept):
    first = await kept.run(content="same")
    await kept.run(content="same")
    await kept.keep(1)
    await kept.later()
    assert await kept.tags() == ["cb1", "cb2", "latest"]
    assert "tag 'cb2', which stays, needs the same image" in await kept.why(first)
    await kept.push("latest")
    await kept.run()
    await kept.push("latest")
    await kept.later(DAY)
    assert await kept.tags() == ["cb3", "latest"]


async def test_an_image_that_an_index_of_another_tag_needs_stays(kept: Kept):
    first = await kept.run()
    await kept.run()
    entries = [{"mediaType": MANIFEST, "digest": first.outputs[0].digest, "size": 1}]
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    url = f"http://{kept.host}/v2/{kept.repository.repository}/manifests/all"
    async with ClientSession() as session, session.put(url, json=document, headers={"Content-Type": INDEX}) as answer:
        assert answer.status == 201
    await kept.keep(1)
    await kept.later()
    assert await kept.tags() == ["all", "cb1", "cb2", "latest"]
    assert "tag 'all'" in await kept.why(first)


async def test_a_tag_that_somebody_moved_is_left_for_good(kept: Kept):
    first = await kept.run()
    await kept.run()
    other = await kept.push(first.id)
    await kept.keep(1)
    await kept.later()
    assert f"somebody moved it to {other}" in await kept.why(first)
    await kept.registries.tag(kept.repository.at(str(first.outputs[0].digest)), first.id)
    await kept.later(3 * DAY)
    await kept.keep(1)
    await kept.later(3 * DAY)
    assert await kept.tags() == ["cb1", "cb2", "latest"]
    # It is forgotten once its run is, which might tell of it anew.
    await kept.later(40 * DAY)
    assert len(await kept.quick.rows(rows.TAGS)) == 1
    await kept.expire_runs()
    await kept.keep(1)
    await kept.later()
    assert await kept.tags() == ["cb1", "cb2", "latest"]


async def test_what_is_kept_for_a_reason_stays_as_long_as_there_is_one(kept: Kept):
    archived, used = await kept.run(), await kept.run()
    await kept.run()
    await archive_run(kept.world, REGISTRY, archived.id, archived=True)
    image = kept.image(used.id)
    await base_rows.add_dependent(kept.world, image, Dependent(REGISTRY, "child", "Runtime", "sha256:0", 1))
    await kept.keep(1)
    await kept.later()
    assert await kept.why(archived) == "run cb1 is archived"
    assert await kept.why(used) == "task 'child' is built on it"
    assert await kept.tags() == ["cb1", "cb2", "cb3", "latest"]
    await archive_run(kept.world, REGISTRY, archived.id, archived=False)
    await base_rows.remove_dependent(kept.world, image, REGISTRY, "child")
    await kept.later(DAY)
    assert await kept.tags() == ["cb3", "latest"]


async def test_no_image_goes_while_a_run_of_the_task_may_push_it_again(kept: Kept):
    await kept.run()
    await kept.run()
    going = await kept.run(status=Status.RUNNING)
    await kept.keep(1)
    await kept.later()
    assert len(await kept.tags()) == 4
    stored = await run_rows.get(kept.world, REGISTRY, going.id)
    assert stored is not None
    await run_rows.save(kept.world, stored, stored.run.ended(Status.FAILED, kept.clock()))
    await kept.later()
    assert await kept.tags() == ["cb2", "cb3", "latest"]


async def test_no_image_goes_when_a_run_began_while_the_tags_were_looked_at(kept: Kept):
    await kept.run(content="same")
    await kept.run()

    class Meanwhile:
        """Another run builds the first one's image again."""

        def __getattr__(self, name: str) -> Any:
            return getattr(kept.registries, name)

        async def standing(self, *given: Any) -> Any:
            found = await kept.registries.standing(*given)
            await kept.run(content="same")
            return found

    await kept.keep(1)
    world, kept.world = kept.world, replace(kept.world, registries=Meanwhile())
    await kept.later(rounds=1)
    kept.world = world
    assert await kept.tags() == ["cb1", "cb2", "cb3", "latest"]


async def test_tags_are_remembered_longer_than_runs(kept: Kept):
    await kept.keep(2)
    for _ in range(3):
        await kept.run()
    kept.clock.turn(40 * DAY)
    await kept.expire_runs()
    assert await kept.quick.rows(run_rows.RUNS) == []
    await kept.later()
    assert await kept.tags() == ["cb2", "cb3", "latest"]
    await kept.run()
    await kept.later()
    assert await kept.tags() == ["cb3", "cb4", "latest"]


async def test_a_change_of_the_resource_keeps_it_and_the_end_of_the_task_ends_it(kept: Kept):
    await kept.keep(1)
    await kept.put_task(timeout=600)
    assert (await tag_keeping(kept.world, REGISTRY, TASK)).keep == 1
    await kept.run()
    await kept.run()
    await delete_task(kept.world, REGISTRY, TASK)
    with pytest.raises(NotFound):
        await kept.later()
    assert await kept.quick.rows(rows.TAGS) == await kept.quick.rows(rows.KEEPERS) == []
    await kept.put_task()
    assert (await kept.later()).keep is None
    assert await kept.tags() == ["cb1", "cb2", "latest"]


async def test_off_forgets_and_who_asks_anew_at_that_moment_is_heard(kept: Kept):
    await kept.keep(1)
    await kept.run()
    await kept.keep(0)
    await rows.arrange(kept.world, REGISTRY, TASK)
    await expire_tags(kept.world)
    assert len(await kept.quick.rows(rows.KEEPERS)) == 1
    assert await kept.later() == TagKeeping(None)
    assert await kept.quick.rows(rows.TAGS) == await kept.quick.rows(rows.KEEPERS) == []


async def test_a_round_is_bounded_and_the_next_ones_come_to_the_end(kept: Kept, monkeypatch):
    monkeypatch.setattr(expire, "RUNS", 3)
    monkeypatch.setattr(remove, "IMAGES", 2)
    for _ in range(8):
        await kept.run()
    await kept.keep(1)
    kept.clock.turn(9 * HOUR)
    left = []
    for _ in range(6):
        await expire_tags(kept.world)
        left.append(len(await kept.tags()))
    assert left == [7, 5, 3, 2, 2, 2]
    counted = Process()
    await expire_tags(counted.world(kept.world))
    assert counted.calls == []


async def test_too_many_tags_to_look_at_are_a_reason_to_leave_them(kept: Kept, monkeypatch):
    monkeypatch.setattr(remove, "MOST", 2)
    first = await kept.run()
    await kept.run()
    await kept.keep(1)
    await kept.later()
    assert "more than 2 to look at" in await kept.why(first)
    assert len(await kept.tags()) == 3
