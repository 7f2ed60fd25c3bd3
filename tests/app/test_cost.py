"""What a movement costs follows the base's dependents, not the tasks there are: requests and rows, counted."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from app.shelf import Shelved, shelved
from app.site import REGISTRY

from baselift.app import base_rows, run_rows, task_rows
from baselift.app.base_rows import DEPENDENTS
from baselift.app.notifications.targets import Targets
from baselift.app.on_push import on_push
from baselift.app.ports import Row
from baselift.app.task_rows import TASKS, Edges, StoredTask
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, ImageDescriptor
from baselift.domain.staleness import Dependent

CALLS = ("get", "insert", "replace", "upsert", "delete", "batch", "send", "depth", "create_log")
PAGE = 1000
AT_MOST, EACH = 25, 10.5
"""Requests of a movement with one dependent, and for each further one."""


@dataclass
class Counting:
    """Passes calls on and counts requests; a query counts for each page of its rows."""

    part: Any
    requests: Counter[str] = field(default_factory=Counter)
    rows: int = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.part, name)
        if name not in CALLS:
            return method

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.requests[name] += 1
            return await method(*args, **kwargs)

        return counted

    async def query(self, *args: Any, **kwargs: Any) -> AsyncIterator[Row]:
        number = 0
        async for row in self.part.query(*args, **kwargs):
            if number % PAGE == 0:
                self.requests["query"] += 1
            number += 1
            self.rows += 1
            yield row
        if not number:
            self.requests["query"] += 1


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Shelved]:
    async with shelved(tmp_path) as (made, _):
        yield made


async def add(site: Shelved, image: Reference, digest: str, prefix: str, count: int) -> None:
    """So many tasks on an image, written as they are stored."""
    pattern = await task_rows.get(site.world, REGISTRY, "pattern")
    assert pattern is not None
    use = BaseUse("Runtime", ImageDescriptor(image.registry, image.repository, image.tag, digest), 1)
    for number in range(count):
        name = f"{prefix}{number}"
        await task_rows.insert(site.world, StoredTask(REGISTRY, name, pattern.document, Edges((use,)), 1, ""))
        await base_rows.add_dependent(site.world, image, Dependent(REGISTRY, name, "Runtime", digest, 1))
    await base_rows.watch(site.world, image, digest)


async def cost(site: Shelved, name: str, dependents: int) -> tuple[int, int, int]:
    """Requests, rows read, and runs of one movement of a base with so many dependents."""
    digest = site.shelf.manifest(f"{name}:1")
    image = site.shelf.image(f"{name}:1")
    await add(site, image, digest, name, dependents)
    site.shelf.manifest(f"{name}:1")
    counting = Counting(site.store)
    # A process that has not looked yet who is told: what it costs more when nobody is, it costs here.
    world: World = replace(site.world, tables=counting, queues=counting, blobs=counting, targets=Targets())
    # Who is told of waves is read every few seconds, whatever moves.
    await world.targets.any(site.store, world.now())
    # From its first run on a process knows where the numbers of runs are.
    await run_rows.take_sequence(site.world, REGISTRY)
    runs = await on_push(world, image)
    return counting.requests.total(), counting.rows, len(runs)


async def test_a_movement_costs_its_dependents_whatever_other_tasks_there_are(site):
    site.shelf.manifest("pattern:1")
    await site.follow("pattern", site.shelf.image("pattern:1"))
    others = site.shelf.image("others:1")
    digest = site.shelf.manifest("others:1")
    await add(site, others, digest, "few", 10)
    few = await cost(site, "first", 3)
    await add(site, others, digest, "many", 5000)
    many = await cost(site, "second", 3)
    assert few == many
    assert few[2] == 3
    assert len(await site.rows(TASKS)) == 5017
    one, ten, twenty = [await cost(site, f"base{each}", each) for each in (1, 10, 20)]
    assert (one[2], ten[2], twenty[2]) == (1, 10, 20)
    spent = [requests for requests, _, _ in (one, ten, twenty)]
    assert spent[0] <= AT_MOST
    assert (spent[2] - spent[1]) / 10 <= EACH


async def test_the_edges_of_a_base_are_spread_over_many_partitions_and_read_by_one_query(site):
    site.shelf.manifest("pattern:1")
    await site.follow("pattern", site.shelf.image("pattern:1"))
    image, digest = site.shelf.image("base:1"), site.shelf.manifest("base:1")
    await add(site, image, digest, "task", 1500)
    partitions = Counter(row.partition for row in await site.rows(DEPENDENTS))
    assert len(partitions) == 65
    assert max(partitions.values()) <= 60
    counting = Counting(site.store)
    world = replace(site.world, tables=counting)
    assert len([edge async for edge in base_rows.dependents(world, image)]) == 1500
    assert counting.requests == Counter(query=2)
    assert (await base_rows.dependent(world, image, REGISTRY, "TASK1499")) is not None
    await base_rows.remove_dependent(world, image, REGISTRY, "task1499")
    assert (await base_rows.dependent(world, image, REGISTRY, "task1499")) is None
