"""Execute a run: claim it, carry it out, commit it. Killed anywhere, the next attempt redoes it from the claim."""

import asyncio
import contextlib
import errno
import logging
from dataclasses import replace

from baselift.app import run_rows, turns
from baselift.app.build_run import Built, build_run
from baselift.app.end_run import end, finish
from baselift.app.lease import Canceled, Lease, Lost, OutOfTime
from baselift.app.ports import Conflict, Stale
from baselift.app.remote_run import is_due, remote_run
from baselift.app.request_run import log_name
from baselift.app.run_file import run_file
from baselift.app.run_log import RunLog
from baselift.app.run_rows import Stored
from baselift.app.scratch import scratch
from baselift.app.world import World
from baselift.domain.builds import Failure
from baselift.domain.runs import Run, Status

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Whoever finds no room for a run's files tells the user, not the app's log: another attempt would find none either."""

log = logging.getLogger(__name__)


async def execute_run(world: World, registry: str, identifier: str) -> None:
    """Answer a message of the build queue. Any number of messages for one run make one committed run."""
    stored = await run_rows.get(world, registry, identifier)
    if stored is None:
        log.warning("message for run %s of %s, which does not exist", identifier, registry)
        return
    if stored.run.status.final:
        await finish(world, stored.run)
    elif world.remote is not None:
        if is_due(stored.run, world.now()) and not await end_if_due(world, stored):
            await remote_run(world, world.remote, stored)
    elif not stored.run.leased(world.now()):
        await _start(world, stored)


async def _start(world: World, stored: Stored) -> None:
    if await end_if_due(world, stored):
        return
    try:
        if not await turns.take(world, stored.run):
            log.info("run %s waits for its turn", stored.run.id)
            return
    except turns.NoPool as problem:
        await end(world, stored, Status.FAILED, str(problem))
        return
    try:
        lease = await Lease.claim(world, stored)
    except Stale:
        log.info("run %s was claimed by another builder", stored.run.id)
        return
    try:
        await _attempt(world, lease)
    except (Lost, Conflict):
        log.warning("run %s is another builder's now", stored.run.id)
        return
    except asyncio.CancelledError:
        await asyncio.shield(_let_go(lease, "the builder was stopped"))
        raise
    except Exception as error:
        await _let_go(lease, f"internal error: {type(error).__name__}")
        raise
    await finish(world, lease.run)


async def _let_go(lease: Lease, why: str) -> None:
    """Give the run back without an outcome, so that the message's next delivery tries again at once."""
    with contextlib.suppress(Exception):
        await lease.write(lambda run: replace(run, lease_until=None, error=why))


async def end_if_due(world: World, stored: Stored) -> bool:
    """End a run that no builder holds and that must not start again: canceled, out of time, or given up."""
    run, deadline = stored.run, stored.run.deadline()
    if run.remote is not None and world.remote is not None:
        # It goes on elsewhere, and has to be ended there first.
        return False
    if run.cancel_requested:
        await end(world, stored, Status.CANCELED, "the run was canceled")
    elif deadline is not None and world.now() >= deadline:
        await end(world, stored, Status.TIMEOUT, f"the run did not end within its timeout of {run.timeout} s")
    elif run.attempt >= world.attempts:
        await end(world, stored, Status.ERROR, run.error or f"the builder was lost in each of {run.attempt} attempts")
    else:
        return False
    return True


async def _attempt(world: World, lease: Lease) -> None:
    # Who waits for the run does not wait until its files are removed.
    async with contextlib.AsyncExitStack() as files:
        async with RunLog(world, log_name(lease.run), lease.check) as run_log:
            if lease.run.attempt > 1:
                await run_log.line(f"Attempt {lease.run.attempt}: the builder of the attempt before was lost")
            status, error, built = await _work(world, lease, run_log, files)
        await lease.write(lambda run: _ended(world, run, status, error, built))


async def _work(
    world: World, lease: Lease, run_log: RunLog, files: contextlib.AsyncExitStack
) -> tuple[Status, str | None, Built | None]:
    built: Built | None = None

    async def work() -> None:
        nonlocal built
        directory = await files.enter_async_context(scratch(world.scratch))
        built = await KINDS[lease.run.request["type"]](world, lease, run_log, directory)

    try:
        await lease.keep(work)
    except Failure as failure:
        return Status.FAILED, str(failure), None
    except OSError as error:
        if error.errno not in _FULL:
            raise
        return Status.FAILED, "no space left on the builder's disk; free some", None
    except Canceled:
        return Status.CANCELED, "the run was canceled", None
    except OutOfTime:
        return Status.TIMEOUT, f"the run did not end within its timeout of {lease.run.timeout} s", None
    return Status.SUCCEEDED, None, built


KINDS = {
    "DockerBuildRequest": build_run,
    "EncodedTaskRunRequest": run_file,
    "FileTaskRunRequest": run_file,
}
"""How a run's request is carried out, by its type."""


def _ended(world: World, run: Run, status: Status, error: str | None, built: Built | None) -> Run:
    ended = run.ended(status, world.now(), error)
    if built is None:
        return ended
    return replace(
        ended,
        outputs=built.outputs,
        bases=built.bases,
        commit=built.commit,
        fingerprint=built.fingerprint,
        own_tags=built.own_tags,
    )
