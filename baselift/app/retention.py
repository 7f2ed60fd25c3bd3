"""Delete what was kept long enough: runs that are over with their logs, waves, reasons, notices, uploaded sources.

A run's own row goes last, and so does a wave's: whatever a crash left is found by it again. Archived runs stay. Each
round deletes a bounded amount and notes where it stopped; after a whole walk there is a pause.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from baselift.app import keys, reasons, run_rows
from baselift.app.notifications.outbox import NOTICES
from baselift.app.numbers import SEQS
from baselift.app.ports import Row, Stale, Write
from baselift.app.request_run import claim_place, log_name
from baselift.app.waves import wave_rows
from baselift.app.waves.wave_rows import Wave
from baselift.app.world import World
from baselift.domain.runs import Run

RETENTION = "retention"
UPLOADS = timedelta(days=1)
"""How long an uploaded source is kept: its run begins within minutes."""
BLOCKS = 4
"""Partitions of runs walked in one round and registry."""
ROWS = 2000
"""Reasons and notices, or uploads, deleted in one round; of waves as many whole ones as have so many members."""
_RUNS_PAUSE, _REASONS_PAUSE, _UPLOADS_PAUSE = timedelta(hours=1), timedelta(days=1), timedelta(hours=1)
_WAVES_PAUSE = timedelta(hours=1)
_BATCH = 100
_AT_ONCE = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where the deletion of one kind of thing is."""

    of: str
    due: float = 0.0
    """Epoch seconds from which on there is something to do again."""
    floor: int = 0
    """The oldest partition that may hold anything."""
    at: int = 0
    """The partition to go on with."""


async def expire(world: World) -> None:
    """Delete what is older than the settings say."""
    await _expire_uploads(world)
    if not world.retention:
        return
    before = world.now() - world.retention
    async for row in world.tables.query(SEQS):
        await _expire_runs(world, row.partition, (row.number("next") - 1) // keys.RUNS_TOGETHER, before)
    await _expire_waves(world, before)
    await _expire_reasons(world, before)


async def _expire_runs(world: World, registry: str, last: int, before: datetime) -> None:
    walk = await _walk(world, f"runs|{registry}")
    if walk is None:
        return
    for _ in range(BLOCKS):
        left, young = await _expire_block(world, registry, walk.at, before)
        if not left and walk.at == walk.floor < last:
            walk = replace(walk, floor=walk.floor + 1)
        if young or walk.at >= last:
            await _rest(world, replace(walk, at=walk.floor), _RUNS_PAUSE)
            return
        walk = replace(walk, at=walk.at + 1)
    await _rest(world, walk, timedelta())


async def _expire_block(world: World, registry: str, block: int, before: datetime) -> tuple[int, bool]:
    """Delete the old runs of one partition; how many runs are left in it, and whether any of them is young."""
    runs = [stored.run async for stored in run_rows.together(world, registry, block)]
    old = [run for run in runs if _over(run, before)]
    if old:
        await _delete_runs(world, old)
        log.info("%d runs of %s, the last of them %s, were deleted", len(old), registry, old[0].id)
    return len(runs) - len(old), any(run.created >= before for run in runs)


def _over(run: Run, before: datetime) -> bool:
    return run.status.final and not run.archived and (run.finished or run.created) < before


async def _delete_runs(world: World, runs: Sequence[Run]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def derived(run: Run) -> None:
        async with gate:
            await world.blobs.delete_log(log_name(run))
            await world.tables.delete(*claim_place(run))

    async with asyncio.TaskGroup() as group:
        for run in runs:
            group.create_task(derived(run))
    pointers = (
        Row(keys.task_runs_partition(run.registry, run.task), keys.newest_first(run.seq), {})
        for run in runs
        if run.task
    )
    await _delete_rows(world, run_rows.BY_TASK, pointers)
    rows = (Row(keys.run_partition(run.registry, run.seq), keys.newest_first(run.seq), {}) for run in runs)
    await _delete_rows(world, run_rows.RUNS, rows)


async def _expire_waves(world: World, before: datetime) -> None:
    walk = await _walk(world, "waves")
    if walk is None:
        return
    deleted = 0
    async for wave in wave_rows.moved_before(world, before):
        deleted += wave.total if await _expire_wave(world, wave, before) else 0
        if deleted >= ROWS:
            return
    await _rest(world, walk, _WAVES_PAUSE)


async def _expire_wave(world: World, wave: Wave, before: datetime) -> bool:
    """Delete a wave that ended before a time; False for one that goes on, or ended later."""
    stored = await wave_rows.tally(world, wave.plan)
    if stored is not None and not (stored.tally.over and stored.tally.ended and stored.tally.ended < before):
        return False
    try:
        await wave_rows.forget(world, wave, stored)
    except Stale:
        log.info("wave %s was resumed", wave.id)
        return False
    log.info("wave %s was deleted", wave.id)
    return True


async def _expire_reasons(world: World, before: datetime) -> None:
    walk = await _walk(world, "reasons")
    if walk is None:
        return
    for table in (reasons.TASKS, reasons.IMAGES, NOTICES):
        old: list[Row] = []
        async for row in world.tables.query(table, keys=(reasons.key_before(before), "~")):
            if datetime.fromisoformat(row.text("last")) < before:
                old.append(row)
            if len(old) == ROWS:
                break
        await _delete_rows(world, table, old)
        if len(old) == ROWS:
            return
    await _rest(world, walk, _REASONS_PAUSE)


async def _expire_uploads(world: World) -> None:
    walk = await _walk(world, "uploads")
    if walk is None:
        return
    deleted, before = 0, world.now() - UPLOADS
    async for name, changed in world.blobs.uploads():
        if changed < before:
            await world.blobs.delete_upload(name)
            deleted += 1
        if deleted == ROWS:
            return
    await _rest(world, walk, _UPLOADS_PAUSE)


async def _delete_rows(world: World, table: str, rows: Iterable[Row]) -> None:
    """In batches of one partition. What another deletes meanwhile is deleted one by one."""
    by_partition: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_partition[row.partition].append(replace(row, etag="", values={}))
    for together in by_partition.values():
        for start in range(0, len(together), _BATCH):
            await _delete_batch(world, table, together[start : start + _BATCH])


async def _delete_batch(world: World, table: str, rows: Sequence[Row]) -> None:
    try:
        await world.tables.batch(table, [Write("delete", row) for row in rows])
    except Stale:
        for row in rows:
            await world.tables.delete(table, row.partition, row.key)


async def _walk(world: World, of: str) -> _Walk | None:
    """None while it rests."""
    row = await world.tables.get(RETENTION, of, "walk")
    if row is None:
        return _Walk(of)
    if world.now().timestamp() < float(row.values["due"]):  # type: ignore[arg-type]
        return None
    return _Walk(of, 0.0, row.number("floor"), row.number("at"))


async def _rest(world: World, walk: _Walk, pause: timedelta) -> None:
    due = (world.now() + pause).timestamp()
    await world.tables.upsert(RETENTION, Row(walk.of, "walk", {"due": due, "floor": walk.floor, "at": walk.at}))
