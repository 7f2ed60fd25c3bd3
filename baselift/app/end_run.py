"""End a run.

What follows from its commit is derived, may be done again, and is done in full before the run leaves the list of
active runs: the reconciler repeats it for any run that is over and still listed.
"""

import logging
from datetime import timedelta

from baselift.app import edges, reasons, run_rows, task_rows, turns
from baselift.app.notifications import tell
from baselift.app.on_push import on_push
from baselift.app.owntags import rows as own_tags
from baselift.app.ports import Conflict, Stale
from baselift.app.request_run import log_name
from baselift.app.run_log import RunLog
from baselift.app.run_rows import Stored
from baselift.app.task_rows import StoredTask
from baselift.app.waves.advance import advance, place_of
from baselift.app.world import World
from baselift.domain.builds import Failure
from baselift.domain.images import Reference
from baselift.domain.runs import LOG_OUTCOME, Run, Status

log = logging.getLogger(__name__)


async def end(world: World, stored: Stored, status: Status, error: str) -> None:
    """End a run that no builder holds."""
    ended = stored.run.ended(status, world.now(), error)
    try:
        await run_rows.save(world, stored, ended)
    except Stale:
        log.info("run %s went on meanwhile", stored.run.id)
        return
    await finish(world, ended)


async def finish(world: World, run: Run) -> None:
    """Do what follows from a committed run: complete its log, record its edges, tell dependents, let the next start."""
    with reasons.told_by(reasons.RUN_END), world.telemetry.within(run.trace):
        await _finish(world, run)


async def _finish(world: World, run: Run) -> None:
    try:
        await _close_log(world, run)
    except Conflict:
        log.info("run %s is being finished by another", run.id)
        return
    task = await task_rows.get(world, run.registry, run.task) if run.task else None
    await tell.run_ended(world, run, task)
    told = True
    if run.status is Status.SUCCEEDED:
        if task is not None:
            await _record_edges(world, run, task)
            if task.keep:
                await own_tags.record(world, run)
        told = await _tell_dependents(world, run)
    if told or place_of(run.cause) is None:
        await advance(world, run)
        await turns.give_back(world, run)
        await run_rows.deactivate(world, run)
    else:
        # Its wave must not go on before it is known where its output is now: the reconciler comes back to it.
        await turns.give_back(world, run)


def last_line(run: Run) -> str:
    """The log's last line, as ACR words it."""
    began = run.started or run.created
    seconds = round(((run.finished or began) - began) / timedelta(seconds=1))
    if run.status is Status.SUCCEEDED:
        return f"Run ID: {run.id} was successful after {seconds}s"
    return f"Run ID: {run.id} failed after {seconds}s. Error: {run.error}"


async def _close_log(world: World, run: Run) -> None:
    """Write the last line, once, and mark the log as complete: clients stop reading at that mark."""
    name, line = log_name(run), last_line(run)
    _, metadata = await world.blobs.tail(name, 1)
    if "complete" in metadata:
        return
    async with RunLog(world, name) as run_log:
        # Only who holds the log may judge by its end: another that finishes the run may be about to write the line.
        tail, _ = await world.blobs.tail(name, len(line) + 2)
        if tail != f"{line}\r\n".encode():
            await run_log.line(line)
    await world.blobs.mark(name, {"complete": LOG_OUTCOME[run.status]})


async def _record_edges(world: World, run: Run, task: StoredTask) -> None:
    seconds = ((run.finished or run.created) - (run.started or run.created)) / timedelta(seconds=1)
    await edges.record(world, task, run.bases, built=True, seconds=seconds)


async def _tell_dependents(world: World, run: Run) -> bool:
    """True when every output was looked at."""
    told = True
    for image in run.outputs:
        try:
            await on_push(world, Reference(image.registry, image.repository, image.tag))
        except Failure as failure:
            # The registry's own event and the reconciler look again.
            log.warning("run %s: %s could not be looked at: %s", run.id, image.reference, failure)
            told = False
    return told
