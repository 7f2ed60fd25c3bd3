"""Mark a run as one to keep, or no longer."""

from dataclasses import replace

from baselift.app import run_rows
from baselift.app.ports import Stale
from baselift.app.world import NotFound, World
from baselift.domain.runs import Run


async def archive_run(world: World, registry: str, identifier: str, *, archived: bool | None) -> Run:
    """Set the run's mark, in whatever state it is; None leaves it as it is. Raises NotFound."""
    while True:
        stored = await run_rows.get(world, registry, identifier)
        if stored is None:
            raise NotFound(f"run '{identifier}' does not exist in registry '{registry}'")
        if archived is None or archived == stored.run.archived:
            return stored.run
        try:
            changed = replace(stored.run, archived=archived, updated=world.now())
            return (await run_rows.save(world, stored, changed)).run
        except Stale:
            continue
