"""Say of one edge of a task that it always counts, never counts, or counts as the task's trigger says."""

from collections.abc import Mapping
from dataclasses import replace

from baselift.app import edges, task_rows
from baselift.app.change_task import get_task
from baselift.app.ports import Stale
from baselift.app.scan_task import ask_for_scan
from baselift.app.task_rows import StoredTask
from baselift.app.world import NotFound, World
from baselift.domain import images, tasks
from baselift.domain.edges import policies
from baselift.domain.images import Reference


async def set_policy(world: World, registry: str, name: str, image: Reference, policy: str) -> StoredTask:
    """Set the policy of the edge to a base, and have the task's source read again: what is stale then fires once.

    Args:
        world: the world.
        registry: name of the registry.
        name: of the task.
        image: the base, under any name of its registry; `latest` where it has no tag.
        policy: one of `baselift.domain.edges.policies.POLICIES`.

    Raises:
        NotFound: there is no such task, or it has no such base.
    """
    base = str(await world.registrations.home(image.tagged()))
    await task_rows.expect_scan(world, registry, name)
    while True:
        task = await get_task(world, registry, name)
        _demand_edge(task, base, policy)
        try:
            changed = await task_rows.save(world, replace(task, policies=_with(task.policies, base, policy)))
        except Stale:
            continue
        await ask_for_scan(world, registry, name)
        return changed


async def meant_base(world: World, registry: str, name: str, text: str) -> Reference:
    """The base that a text means: as Dockerfiles read it, or without a host the registry's where the task has that one.

    Raises:
        InvalidReference: the text is no reference.
        NotFound: there is no such task.
    """
    read = images.parse(text).tagged()
    task, address = await get_task(world, registry, name), await world.registrations.address(registry)
    known = {edges.reference(use.image) for use in task.edges.bases if use.image.tag}
    if read.registry != images.HUB or await world.registrations.home(read) in known:
        return read
    own = await world.registrations.home(images.parse(tasks.qualified(text, address)).tagged())
    return own if own in known else read


def _with(known: Mapping[str, str], base: str, policy: str) -> dict[str, str]:
    kept = {image: each for image, each in known.items() if image != base}
    return kept if policy == policies.DEFAULT else kept | {base: policy}


def _demand_edge(task: StoredTask, base: str, policy: str) -> None:
    """Taking a policy back is always possible: the edge may be gone."""
    known = [str(edges.reference(use.image)) for use in task.edges.bases if use.image.tag]
    if base not in known and policy != policies.DEFAULT:
        listed = ", ".join(known) or task.edges.problem or "none, or they are not read yet"
        raise NotFound(f"task '{task.name}' has no base '{base}'; its bases are: {listed}")
