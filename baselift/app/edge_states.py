"""How every edge of a task stands: what people see of what is watched for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from baselift.app import base_rows, sightings
from baselift.app.change_task import get_task
from baselift.app.edges import reference
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import tasks
from baselift.domain.edges import policies
from baselift.domain.edges.states import UNTRACKED, EdgeState, Known, state
from baselift.domain.runs import BaseUse


@dataclass(frozen=True, slots=True)
class TaskEdges:
    """The edges of a task, and how they stand."""

    task: str
    edges: Sequence[EdgeState]
    found: str
    """RFC 3339 time when they were last read; empty before the first time."""
    problem: str
    """Why they could not be read; those known from before stay watched."""
    advice: str
    """How to track the bases that are not tracked; empty where all are."""


async def edge_states(world: World, registry: str, name: str) -> TaskEdges:
    """How the edges of a task stand. Costs a few reads for each edge. Raises NotFound."""
    return await states_of(world, await get_task(world, registry, name))


async def states_of(world: World, task: StoredTask) -> TaskEdges:
    """How the edges of a task that was read stand."""
    named = tasks.outputs(tasks.step(task.document), await world.registrations.address(task.registry))
    outputs = [await world.registrations.home(image) for image in named]
    found = [state(await _known(world, task, use), task.document, outputs) for use in task.edges.bases]
    return TaskEdges(task.name, tuple(found), task.edges.found, task.edges.problem, _advice(task, found))


async def _known(world: World, task: StoredTask, use: BaseUse) -> Known:
    image = reference(use.image)
    policy = task.policies.get(str(image), policies.DEFAULT)
    stored = await base_rows.get(world, image) if image.tag else None
    if stored is None:
        return Known(use, policy, None, "", None, None, None)
    dependent = await base_rows.dependent(world, image, task.registry, task.name)
    event, check = await sightings.of(world, image)
    return Known(
        use, policy, stored.base, stored.moved, dependent.edge if dependent else None, event, check, stored.settling
    )


def _advice(task: StoredTask, found: Sequence[EdgeState]) -> str:
    untracked = [each.base for each in found if each.state == UNTRACKED]
    if not untracked:
        return ""
    every = f"`baselift task update --name {task.name} --base-image-trigger-type All` tracks every base"
    one = f"`baselift task edge set --name {task.name} --base {untracked[0]} --policy rebuild` this one"
    return f"{', '.join(untracked)}: buildtime, not tracked. {every}, {one}"
