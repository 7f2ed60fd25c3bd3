"""Repair whatever a crash, a lost message or a lost event left behind. This alone heals the loss of any one of them."""

import logging
from collections.abc import Awaitable, Callable

from baselift.app import reasons, run_rows, task_rows
from baselift.app.dispatch import activate, dispatch, feed, waiting
from baselift.app.end_run import finish
from baselift.app.execute_run import end_if_due
from baselift.app.look_around import repair_bases
from baselift.app.notifications.deliver import repair_notices
from baselift.app.owntags.expire import expire_tags
from baselift.app.ports import Row
from baselift.app.retention import expire
from baselift.app.run_rows import Stored
from baselift.app.scan_task import ask_for_scan
from baselift.app.start_task_run import repair_task_runs
from baselift.app.take_stock import take_stock
from baselift.app.watch_sources import watch_sources
from baselift.app.waves.drive import repair_waves
from baselift.app.world import World

log = logging.getLogger(__name__)


async def reconcile(world: World) -> None:
    """Run every repair. One that fails does not keep the others from their work.

    Raises:
        ExceptionGroup: the faults, after all repairs were tried.
    """
    began = world.now()
    with reasons.told_by(reasons.RECONCILER):
        faults = [fault for repair in REPAIRS if (fault := await _attempt(world, repair)) is not None]
    seconds, outcome = (world.now() - began).total_seconds(), "failed" if faults else "done"
    world.telemetry.record("baselift.reconcile.duration", seconds, outcome=outcome)
    if faults:
        raise ExceptionGroup("repairs failed", faults)


async def repair_runs(world: World) -> None:
    """For every run that is not over: a message, a builder, or an end. For one that is: its last steps."""
    fed_in_turn = await waiting(world)
    async for row in world.tables.query(run_rows.ACTIVE):
        if (row.text("registry").lower(), row.number("seq")) in fed_in_turn:
            continue
        stored = await run_rows.by_seq(world, row.text("registry"), row.number("seq"))
        if stored is None:
            await _drop_abandoned(world, row)
        elif stored.run.status.final:
            await finish(world, stored.run)
        elif not stored.run.leased(world.now()):
            await _redrive(world, stored, row)


async def repair_scans(world: World) -> None:
    """Ask again for scans whose message may be lost."""
    async for row in task_rows.pending_scans(world):
        if _old(world, row):
            registry, task = row.text("registry"), row.text("task")
            await task_rows.expect_scan(world, registry, task)
            await ask_for_scan(world, registry, task)


REPAIRS: tuple[Callable[[World], Awaitable[None]], ...] = (
    repair_task_runs,
    repair_runs,
    repair_waves,
    repair_notices,
    feed,
    repair_scans,
    repair_bases,
    watch_sources,
    expire,
    expire_tags,
    take_stock,
)


async def _attempt(world: World, repair: Callable[[World], Awaitable[None]]) -> Exception | None:
    try:
        await repair(world)
    except Exception as fault:
        log.exception("%s failed", repair.__name__)
        return fault
    return None


async def _redrive(world: World, stored: Stored, row: Row) -> None:
    if await end_if_due(world, stored):
        return
    lost_builder = stored.run.attempt > 0
    if lost_builder or _old(world, row):
        await activate(world, [(stored.run.registry, stored.run.seq)])
        await dispatch(world, [stored.run])


async def _drop_abandoned(world: World, row: Row) -> None:
    """A run whose asker died before it was stored. The asker was not answered, and will ask again or not."""
    if _old(world, row):
        await world.tables.delete(run_rows.ACTIVE, row.partition, row.key, row.etag)


def _old(world: World, row: Row) -> bool:
    return world.now().timestamp() - float(row.values["sent"]) > world.lease.total_seconds()  # type: ignore[arg-type]
