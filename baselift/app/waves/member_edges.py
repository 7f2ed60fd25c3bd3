"""The edges of a member's task: what they say of its bases now, and that its run is asked to build on them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from baselift.app import base_rows
from baselift.app.base_rows import StoredBase, StoredDependent
from baselift.app.ports import Stale
from baselift.app.task_rows import StoredTask
from baselift.app.waves.walk import outputs, together
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.edges import policies
from baselift.domain.images import Reference
from baselift.domain.staleness import Verdict, verdict
from baselift.domain.waves.states import Member, Moved


@dataclass(frozen=True, slots=True)
class Edge:
    """A base that a task follows, and what is said of its movement."""

    base: StoredBase
    dependent: StoredDependent
    verdict: Verdict


async def of_task(world: World, task: StoredTask, known: Mapping[Reference, StoredBase], *, again: bool) -> list[Edge]:
    """The task's edges as they are, each with its verdict; `known` are bases that were read just now.

    `again`: for another attempt what counts is what the task was built on, not what it was asked to build on.
    """
    bases = [base.image for base in task.edges.bases if base.image.tag]
    named = dict.fromkeys(Reference(base.registry, base.repository, base.tag) for base in bases)
    pushed = await outputs(world, task)

    async def one(image: Reference) -> Edge | None:
        pair = await _pair(world, image, task.registry, task.name, known.get(image))
        if pair is None:
            return None
        base, dependent = pair
        edge = dependent.edge
        if again:
            edge = replace(edge, digest=edge.built or "?", generation=-1, manifests={})
        policy = task.policies.get(str(image), policies.DEFAULT)
        return Edge(base, dependent, verdict(task.document, edge, base.base, pushed, policy))

    return [edge for edge in await together(named, one) if edge is not None]


async def of_member(world: World, member: Member) -> list[Edge]:
    """The edges because of which it was decided to build a member, as far as their bases are where they were."""

    async def one(moved: Moved) -> Edge | None:
        pair = await _pair(world, images.parse(moved.image), member.registry, member.task)
        if pair is None or pair[0].base.generation != moved.generation:
            return None
        return Edge(*pair, Verdict(fire=True, rule="moved", text=""))

    return [edge for edge in await together(member.moved, one) if edge is not None]


async def claim(world: World, member: Member, edge: Edge) -> None:
    """Note on an edge that its task is asked to build on what the base is at, as it was decided."""
    current: StoredDependent | None = edge.dependent
    while current is not None and current.edge.generation < edge.base.base.generation:
        claimed = replace(current, edge=current.edge.asked(edge.base.base), seq=member.seq, prefix=member.run[:2])
        try:
            await base_rows.save_dependent(world, edge.base.base.image, claimed)
        except Stale:
            registry, task = current.edge.registry, current.edge.task
            current = await base_rows.dependent(world, edge.base.base.image, registry, task)
            continue
        return


async def _pair(
    world: World, image: Reference, registry: str, task: str, base: StoredBase | None = None
) -> tuple[StoredBase, StoredDependent] | None:
    asked = base_rows.dependent(world, image, registry, task)
    if base is None:
        base, dependent = await asyncio.gather(base_rows.get(world, image), asked)
    else:
        dependent = await asked
    return None if base is None or dependent is None else (base, dependent)
