"""Which tasks stand on an old base, and since when."""

from dataclasses import dataclass

from baselift.app import task_rows
from baselift.app.edge_states import states_of
from baselift.app.task_rows import StoredTask
from baselift.app.waves.walk import together
from baselift.app.world import World
from baselift.domain.edges.states import STALE, EdgeState


@dataclass(frozen=True, slots=True)
class StaleEdge:
    """A task whose last build stands on what a base was."""

    task: str
    edge: EdgeState


async def stale(world: World, registry: str) -> list[StaleEdge]:
    """Every edge of a registry's tasks that is behind its base, the longest first."""

    async def of_task(task: StoredTask) -> list[StaleEdge]:
        return [StaleEdge(task.name, edge) for edge in (await states_of(world, task)).edges if edge.state == STALE]

    every = [task async for task in task_rows.every(world, registry)]
    found = [edge for edges in await together(every, of_task) for edge in edges]
    return sorted(found, key=lambda each: (each.edge.stale_since, each.task, each.edge.base))
