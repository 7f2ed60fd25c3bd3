"""Forget a registry: its tasks, their edges and its registration. Runs and images stay."""

from baselift.app import task_rows
from baselift.app.change_task import delete_task
from baselift.app.world import NotFound, Refused, World


async def remove_registry(world: World, name: str) -> None:
    """Remove what Baselift holds for a registry, tasks first: a crash in between leaves it registered.

    Raises:
        NotFound: it is not registered.
        Refused: the settings name it, so it would be there again.
    """
    found = await world.registrations.get(name)
    if found is None:
        raise NotFound(f"registry '{name}' does not exist")
    if world.registrations.seeded(name):
        raise Refused(f"registry '{name}' is the one of the settings (BASELIFT_REGISTRY_NAME): it cannot be removed")
    for task in [task async for task in task_rows.every(world, found.name)]:
        await delete_task(world, found.name, task.name)
    await world.registrations.remove(found.name)
