"""Read the part of the graph that a movement concerns: dependents, their outputs, the dependents of those, to the end.

The cost follows the dependents, however many tasks there are beside them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from baselift.app import base_rows, task_rows
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import tasks
from baselift.domain.edges import policies
from baselift.domain.images import Reference
from baselift.domain.staleness import Base, Dependent, verdict
from baselift.domain.waves.graph import Graph, Node, Use, key

AT_ONCE = 16
"""Reads side by side."""
T = TypeVar("T")
R = TypeVar("R")


@dataclass
class _Found:
    task: StoredTask
    outputs: Sequence[Reference]
    uses: dict[str, Use] = field(default_factory=dict)

    def node(self) -> Node:
        return Node(
            registry=self.task.registry,
            task=self.task.name,
            outputs=tuple(str(image) for image in self.outputs),
            uses=tuple(self.uses.values()),
            seconds=self.task.edges.seconds,
        )


class Walk:
    """One walk; `graph` holds what it found."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._found: dict[str, _Found] = {}
        self._asked = set[Reference]()

    async def graph(self, begin: Iterable[tuple[Reference, Dependent, StoredTask]]) -> Graph:
        """The tasks behind some edges, and all that follows from them."""
        ahead: list[Reference] = []
        for image, edge, task in begin:
            ahead += await self._add(image, edge, task)
        await self._go_on(ahead)
        return Graph(found.node() for found in self._found.values())

    async def behind(self, images_: Sequence[Reference]) -> Graph:
        """All that follows from some images."""
        await self._go_on(list(images_))
        return Graph(found.node() for found in self._found.values())

    @property
    def tasks(self) -> Sequence[StoredTask]:
        """The tasks that were found."""
        return [found.task for found in self._found.values()]

    async def _go_on(self, ahead: list[Reference]) -> None:
        while ahead := [image for image in dict.fromkeys(ahead) if image not in self._asked]:
            self._asked.update(ahead)
            steps = await together(ahead, self._step)
            ahead = [image for step in steps for image in step]

    async def _step(self, image: Reference) -> list[Reference]:
        """Take in the dependents of an image; return the images that they move."""
        edges = [stored.edge async for stored in base_rows.dependents(self._world, image)]
        unknown = [edge for edge in edges if key(edge.registry, edge.task) not in self._found]
        read = await together(unknown, lambda edge: task_rows.get(self._world, edge.registry, edge.task))
        rows = {key(task.registry, task.name): task for task in read if task is not None}
        ahead: list[Reference] = []
        for edge in edges:
            name = key(edge.registry, edge.task)
            known = self._found.get(name)
            task = known.task if known else rows.get(name)
            if task is not None:
                ahead += await self._add(image, edge, task)
        return ahead

    async def _add(self, image: Reference, edge: Dependent, task: StoredTask) -> Sequence[Reference]:
        found = self._found.get(key(task.registry, task.name))
        fresh = found is None
        if found is None:
            found = _Found(task, await outputs(self._world, task))
            self._found[key(task.registry, task.name)] = found
        follows = may_follow(task, edge, image, found.outputs)
        found.uses[str(image)] = Use(str(image), edge.kind, follows)
        return found.outputs if fresh else ()


def may_follow(task: StoredTask, edge: Dependent, image: Reference, pushed: Sequence[Reference]) -> bool:
    """Whether the task is rebuilt when the image moves. An edge to its own output is one that closes a cycle."""
    moved = Base(image, "", edge.generation + 1)
    policy = task.policies.get(str(image), policies.DEFAULT)
    return verdict(task.document, replace(edge, digest="?"), moved, pushed, policy).rule in ("moved", "own-output")


async def outputs(world: World, task: StoredTask) -> Sequence[Reference]:
    """The tags that a task is known to move, at their registries' real addresses."""
    named = tasks.outputs(tasks.step(task.document), await world.registrations.address(task.registry))
    return [await world.registrations.home(image) for image in named]


async def together(items: Iterable[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """The results for all items, in their order, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with gate:
            return await work(item)

    given = list(items)
    if len(given) == 1:
        return [await work(given[0])]
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(one(item)) for item in given]
    return [each.result() for each in running]
