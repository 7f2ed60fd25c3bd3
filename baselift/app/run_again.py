"""Run once more what a run ran."""

from baselift.app import run_rows
from baselift.app.request_run import Ask, request_run
from baselift.app.world import NotFound, World
from baselift.domain.runs import Cause, Run


async def run_again(world: World, registry: str, identifier: str, cause: Cause) -> Run:
    """Ask for a run of the same request, whatever the task says meanwhile; its bases are where they are now.

    Raises:
        NotFound: no such run.
    """
    stored = await run_rows.get(world, registry, identifier)
    if stored is None:
        raise NotFound(f"run '{identifier}' does not exist in registry '{registry}'")
    run = stored.run
    return await request_run(world, Ask(run.registry, cause, world.unseal(run.request), run.run_type, run.task))
