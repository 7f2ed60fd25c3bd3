"""Forget a registry: its tasks, their edges, its task runs, pools, webhooks and registration. Runs and images stay."""

from baselift.app import pool_rows, task_rows, task_run_rows
from baselift.app.change_pool import delete_pool
from baselift.app.change_task import delete_task
from baselift.app.notifications import change_target, targets
from baselift.app.start_task_run import delete_task_run
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
    for task_run in [each async for each in task_run_rows.every(world, found.name)]:
        await delete_task_run(world, found.name, task_run.name)
    for pool in [pool async for pool in pool_rows.every(world, found.name)]:
        await delete_pool(world, found.name, pool.name)
    for target in await targets.every(world.tables, found.name):
        await change_target.delete_target(world, found.name, target.name)
    await world.registrations.remove(found.name)
