"""The graph of a registry's tasks, as it is known. Reads every task: for people, not for movements."""

from collections.abc import Sequence
from dataclasses import replace

from baselift.app import task_rows
from baselift.app.task_rows import StoredTask
from baselift.app.waves.walk import may_follow, outputs
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse
from baselift.domain.staleness import Dependent
from baselift.domain.waves.graph import Graph, Node, Use


async def task_graph(world: World, registry: str) -> Graph:
    """The tasks of a registry and how they depend on each other."""
    return Graph([await node(world, task) async for task in task_rows.every(world, registry)])


async def node(world: World, task: StoredTask) -> Node:
    """A task as it stands in the graph."""
    pushed = await outputs(world, task)
    uses = [_use(task, base, pushed) for base in task.edges.bases if base.image.tag]
    named = tuple(str(image) for image in pushed)
    return Node(task.registry, task.name, named, tuple(uses), task.edges.seconds)


def _use(task: StoredTask, base: BaseUse, pushed: Sequence[Reference]) -> Use:
    image = Reference(base.image.registry, base.image.repository, base.image.tag)
    edge = Dependent(task.registry, task.name, base.kind, base.image.digest or "", base.generation)
    return Use(str(image), base.kind, may_follow(task, replace(edge, pinned=base.pinned), image, pushed))
