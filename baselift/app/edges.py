"""Record the bases that a task was found to have, and have them watched.

New edges are written before the task names them and old ones removed after, so that at no moment an edge of the task
is missing. Then each base is looked at once more: a movement between reading the digest and writing the edge is found
by whichever comes second, this look or the fan-out.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from baselift.app import base_rows, credentials, followed, task_names, task_rows
from baselift.app.fan_out import follow
from baselift.app.ports import Conflict, Stale
from baselift.app.task_rows import Edges, StoredTask
from baselift.app.waves import producers
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, ImageDescriptor
from baselift.domain.staleness import Dependent

log = logging.getLogger(__name__)


async def record(
    world: World, task: StoredTask, bases: Sequence[BaseUse], *, built: bool, seconds: float = 0.0
) -> None:
    """Make `bases` the task's edges.

    `built`: a run succeeded on them, in so many seconds, so the task stands on these digests now.
    """
    watched = _watched(bases)
    for base in watched:
        await _watch(world, task, base, _manifests(bases, base), built=built)
    if not built:
        await producers.record(world, task)
    took = seconds if built else task.edges.seconds
    before = await _name(world, task, Edges(tuple(bases), world.now().isoformat(), seconds=took))
    if task.edges.problem:
        await task_names.well(world, task.registry, task.name)
    for gone in {reference(base.image) for base in before} - {reference(base.image) for base in watched}:
        await base_rows.remove_dependent(world, gone, task.registry, task.name)
    for base in watched:
        await reconsider(world, task, reference(base.image))


async def unknown(world: World, task: StoredTask, problem: str) -> None:
    """Say on the task that its edges could not be read. Those known from before stay watched."""
    await task_names.trouble(world, task.registry, task.name)
    await _name(world, task, replace(task.edges, problem=problem, found=world.now().isoformat()))


async def drop(world: World, task: StoredTask) -> None:
    """Remove the edges of a task that is deleted."""
    for base in task.edges.bases:
        await base_rows.remove_dependent(world, reference(base.image), task.registry, task.name)


async def reconsider(world: World, task: StoredTask, image: Reference) -> None:
    """Rebuild the task if the base moved past what the edge knows."""
    stored = await base_rows.get(world, image)
    dependent = await base_rows.dependent(world, image, task.registry, task.name)
    if stored is not None and dependent is not None and dependent.edge.generation < stored.base.generation:
        await follow(world, stored, dependent)


def _watched(bases: Sequence[BaseUse]) -> list[BaseUse]:
    """One use of each tag: one that follows the tag counts more than one that names a digest beside it."""
    tagged = [base for base in bases if base.image.digest and base.image.tag]
    tagged.sort(key=lambda base: (not base.pinned, base.kind == "Runtime"))
    return list({reference(base.image): base for base in tagged}.values())


def _manifests(bases: Sequence[BaseUse], base: BaseUse) -> dict[str, str]:
    """By platform the manifests of all uses of the tag at this digest: a task may build for several platforms."""
    return {each.platform: each.manifest for each in bases if each.image == base.image and each.manifest}


async def _watch(world: World, task: StoredTask, base: BaseUse, manifests: Mapping[str, str], *, built: bool) -> None:
    image, digest = reference(base.image), base.image.digest or ""
    edge = Dependent(task.registry, task.name, base.kind, digest, base.generation, base.pinned, digest, manifests)
    while True:
        try:
            stored = await base_rows.dependent(world, image, task.registry, task.name)
            if stored is None:
                await followed.follow(world, image)
                await base_rows.add_dependent(world, image, edge)
            elif (kept := _merged(stored.edge, edge, built=built)) != stored.edge:
                seq = stored.seq if kept.generation == stored.edge.generation else 0
                await base_rows.save_dependent(world, image, replace(stored, edge=kept, seq=seq))
        except (Conflict, Stale):
            continue
        break
    # After the edge: whoever removes bases without dependents either sees the edge, or loses the race for the row.
    opener = await credentials.opener(world, task, image)
    await base_rows.watch(world, image, digest, opener, taken_at=0 if base.pinned else base.generation)


def _merged(known: Dependent, found: Dependent, *, built: bool) -> Dependent:
    """What the edge says after `found`: a scan does not change what a task was built on; an older build neither.

    An edge that names a digest is what the Dockerfile says, and one that no longer does begins anew.
    """
    if known.pinned or found.pinned:
        return found
    if not built or found.generation < known.generation:
        return replace(known, kind=found.kind, manifests=_stood_on(known, found))
    return found


def _stood_on(known: Dependent, found: Dependent) -> Mapping[str, str]:
    """The manifests of what the task was built on, which a scan tells only where the base has not moved since."""
    if known.digest == found.digest:
        return found.manifests
    return known.manifests if known.manifests.keys() == found.manifests.keys() else {}


async def _name(world: World, task: StoredTask, edges: Edges) -> Sequence[BaseUse]:
    """Write the edges on the task's row; return those that it had. A task changed meanwhile has a scan of its own."""
    current: StoredTask | None = task
    while current is not None and current.version == task.version:
        try:
            await task_rows.save(world, replace(current, edges=edges))
        except Stale:
            current = await task_rows.get(world, task.registry, task.name)
            continue
        return current.edges.bases
    return ()


def reference(image: ImageDescriptor) -> Reference:
    """The tag that an edge watches."""
    return Reference(image.registry, image.repository, image.tag)
