"""Cancel a run: at once while it waits, by its builder within seconds while it runs."""

from dataclasses import replace

from baselift.app import run_rows
from baselift.app.end_run import finish
from baselift.app.ports import Stale
from baselift.app.world import NotFound, Refused, World
from baselift.domain.runs import Run, Status


async def cancel_run(world: World, registry: str, identifier: str) -> Run:
    """Ask for the end of a run.

    Raises:
        NotFound: no such run.
        Refused: the run is over already.
    """
    while True:
        stored = await run_rows.get(world, registry, identifier)
        if stored is None:
            raise NotFound(f"run '{identifier}' does not exist in registry '{registry}'")
        run = stored.run
        if run.status.final:
            raise Refused(f"run '{run.id}' is over already: {run.status}")
        try:
            if run.status is not Status.QUEUED:
                return (await run_rows.save(world, stored, replace(run, cancel_requested=True))).run
            ended = run.ended(Status.CANCELED, world.now(), "the run was canceled")
            await run_rows.save(world, stored, ended)
        except Stale:
            continue
        await finish(world, ended)
        return ended
