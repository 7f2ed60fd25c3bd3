"""What the pages read: exact where something moves, and no more of it where many tasks stand still."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from app.shelf import Shelved, shelved
from simulator.graphs import REGISTRY, reference
from waves.family import DIAMOND, Family

from baselift.app import edges, task_names, task_rows
from baselift.app import run_rows as rows
from baselift.app.change_task import delete_task
from baselift.app.ports import Row
from baselift.app.waves.around import around
from baselift.app.waves.control import cancel_wave
from baselift.app.world import World
from baselift.web import reads, standing
from baselift.web.pages import overview

HERE = "baselift"


@dataclass
class Counting:
    """Passes calls on, and counts the rows and the properties that are read."""

    part: Any
    read: int = 0
    properties: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)

    async def get(self, *args: Any) -> Any:
        self.read += 1
        return await self.part.get(*args)

    async def query(self, *args: Any, **kwargs: Any) -> AsyncIterator[Row]:
        async for row in self.part.query(*args, **kwargs):
            self.read += 1
            self.properties += len(row.values)
            yield row


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Shelved]:
    async with shelved(tmp_path) as (made, _):
        yield made


async def follow(site: Shelved, *names: str) -> None:
    site.shelf.manifest("base:1", "1")
    for name in names:
        await site.follow(name, site.shelf.image("base:1"))


async def listed(world: World, query: str = "", after: str = "") -> list[str]:
    found = await reads.names(world, HERE, query, after)
    return found[0]


async def test_tasks_are_listed_by_name_page_by_page(site):
    names = [f"task-{number:02d}" for number in range(2 * reads.PAGE + 3)]
    await follow(site, *reversed(names))
    seen, after = [], ""
    while True:
        page, after = await reads.names(site.world, HERE, "", after)
        assert len(page) <= reads.PAGE
        seen += page
        if not after:
            break
    assert seen == names
    shown = await standing.tasks(site.world, HERE, ["task-03", "gone", "TASK-01"])
    assert [each.task.name for each in shown] == ["task-03", "task-01"]


async def test_a_search_looks_at_parts_of_names_and_first_at_those_that_begin_so(site, monkeypatch):
    await follow(site, "alpha", "beta-alpha", "gamma", "Alpine", "zebra")
    assert await listed(site.world, "alp") == ["alpha", "Alpine", "beta-alpha"]
    assert await listed(site.world, "none") == []
    monkeypatch.setattr(reads, "LOOKED", 2)
    assert await reads.names(site.world, HERE, "zeb", "") == (["zebra"], "Alpine")
    assert await reads.names(site.world, HERE, "eta", "") == ([], "Alpine")
    assert await reads.names(site.world, HERE, "eta", "Alpine") == (["beta-alpha"], "gamma")


async def test_a_search_reads_the_names_that_it_looks_at_and_nothing_else(site, monkeypatch):
    monkeypatch.setattr(reads, "LOOKED", 10)
    await follow(site, *(f"task-{number:02d}" for number in range(30)))
    for name in ("task-00", "task-01"):
        row = await site.store.get(task_names.NAMES, HERE, name)
        await site.store.upsert(task_names.NAMES, replace(row, values={**row.values, "more": "x" * 1000}))
    counting = Counting(site.store)
    found, after = await reads.names(replace(site.world, tables=counting), HERE, "ask-2", "")
    assert (found, after, counting.read, counting.properties) == ([], "task-09", 10, 10)


async def test_a_deleted_task_is_listed_no_more(site):
    await follow(site, "alpha", "gamma")
    await delete_task(site.world, HERE, "ALPHA")
    assert await listed(site.world) == ["gamma"]


async def test_a_task_that_is_made_again_while_it_is_deleted_stays_listed(site):
    await follow(site, "alpha")
    before = await task_names.mark(site.world, HERE, "alpha")
    await task_names.add(site.world, HERE, "alpha")
    await task_names.drop(site.world, HERE, "alpha", before)
    assert await listed(site.world) == ["alpha"]


async def test_a_task_whose_bases_cannot_be_read_is_named_until_they_can(site):
    await follow(site, "alpha", "gamma")
    stored = await task_rows.get(site.world, HERE, "alpha")
    await edges.unknown(site.world, stored, "no such file")
    assert [task.name for task in (await standing.overview(site.world, HERE)).unread] == ["alpha"]
    await site.stand("alpha", site.shelf.image("base:1"))
    assert (await standing.overview(site.world, HERE)).unread == []
    assert [name async for name in task_names.troubled(site.world, HERE)] == []


async def _read(site: Shelved) -> tuple[int, ...]:
    """Rows read for each page."""
    counts = []
    image = str(site.shelf.image("base:1"))
    for ask in (
        lambda world: standing.overview(world, HERE),
        lambda world: reads.names(world, HERE, "", ""),
        lambda world: standing.tasks(world, HERE, ["alpha"]),
        lambda world: reads.task(world, HERE, "alpha"),
        lambda world: around(world, HERE, "alpha", 10),
        lambda world: around(world, HERE, image, 10),
    ):
        counting = Counting(site.store)
        await ask(replace(site.world, tables=counting))
        counts.append(counting.read)
    return tuple(counts)


async def test_pages_cost_the_same_however_many_tasks_stand_still(site):
    await follow(site, "alpha", *(f"task-{number:03d}" for number in range(20)))
    few = await _read(site)
    await follow(site, *(f"task-{number:03d}" for number in range(20, 200)))
    assert await _read(site) == few


async def test_a_movement_is_seen_on_the_overview_until_it_is_over():
    family = await Family.of(DIAMOND)
    assert (await standing.overview(family.world, REGISTRY)).unsettled == []
    await family.move("top")
    found = await standing.overview(family.world, REGISTRY)
    assert {seen.task.name for seen in found.unsettled} == {"middle", "left", "right", "leaf"}
    data = overview.view(found, family.world.now(), "host")
    assert [each.task for each in data["old"]] == ["middle"]
    assert not data["good"]
    await family.drain()
    found = await standing.overview(family.world, REGISTRY)
    assert found.unsettled == []
    assert overview.view(found, family.world.now(), "host")["good"]


async def test_what_a_canceled_wave_left_behind_stays_on_the_overview():
    family = await Family.of(DIAMOND)
    await family.move("top")
    await family.next()
    (wave,) = await family.waves()
    await cancel_wave(family.world, wave.wave.id)
    data = overview.view(await standing.overview(family.world, REGISTRY), family.world.now(), "host")
    assert {each.task for each in data["old"]} >= {"left", "right"}
    assert not data["good"]


async def test_around_an_image_is_what_it_is_built_on_and_what_is_built_on_it():
    family = await Family.of(DIAMOND | {"aside": ["top"], "apart": ["elsewhere"]})

    async def names(focus: str, most: int = 100) -> tuple[set[str], bool]:
        found = await around(family.world, REGISTRY, focus, most)
        return {node.task for node in found.graph.nodes.values()}, found.whole

    assert await names("left") == ({"middle", "left", "leaf"}, True)
    assert await names("LEAF") == ({"middle", "left", "right", "leaf"}, True)
    assert await names(reference("top")) == ({"middle", "left", "right", "leaf", "aside"}, True)
    assert await names(reference("middle")) == ({"middle", "left", "right", "leaf"}, True)
    near, whole = await names(reference("top"), 2)
    assert (near, whole) == ({"middle", "aside"}, False)
    assert await around(family.world, REGISTRY, "absent", 10) is None
    assert await around(family.world, REGISTRY, "no reference at all", 10) is None


async def test_runs_of_a_task_come_newest_first_however_many_are_read_side_by_side(site):
    await follow(site, "alpha")
    asked = [await site.ask(task="alpha") for _ in range(40)]
    expected = [run.id for run in reversed(asked)]
    assert [run.id async for run in rows.newest_of_task(site.world, HERE, "ALPHA")] == expected
    assert [run.id for run in await reads.history_of(site.world, HERE, "alpha", 7)] == expected[:7]
