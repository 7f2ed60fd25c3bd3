"""One run of a task at a time, so that an older run cannot put a tag back over a newer one.

A run that finds its task busy is noted on the lock and its message is dropped; the run that ends sends it again. The
lock holds no lease of its own: it belongs to a run, and is free when that run is over.
"""

import json
from collections.abc import Sequence

from baselift.app import keys, run_rows
from baselift.app.ports import Conflict, Row, Stale, Value
from baselift.app.request_run import dispatch
from baselift.app.world import World
from baselift.domain.runs import Run

LOCKS = "tasklocks"


async def acquire(world: World, run: Run) -> bool:
    """Take the lock for the run, or note that the run waits for it. An ad hoc run needs none."""
    if run.task is None:
        return True
    while True:
        row = await world.tables.get(LOCKS, keys.task_partition(run.registry, run.task), run.task.lower())
        try:
            return await _try(world, run, row)
        except (Conflict, Stale):
            continue


async def release(world: World, run: Run) -> None:
    """Give the lock back and wake who waits. The message goes first: a crash in between doubles it at most."""
    if run.task is None:
        return
    row = await world.tables.get(LOCKS, keys.task_partition(run.registry, run.task), run.task.lower())
    if row is None or row.values["active"] != run.seq:
        return
    waiting = _waiting(row)
    for seq in waiting:
        stored = await run_rows.by_seq(world, run.registry, seq)
        if stored is not None and not stored.run.status.final:
            await dispatch(world, stored.run)
            break
    try:
        await world.tables.replace(LOCKS, _row(run, row, active=0, waiting=waiting))
    except Stale:
        await release(world, run)


async def _try(world: World, run: Run, row: Row | None) -> bool:
    if row is None:
        await world.tables.insert(LOCKS, _row(run, None, active=run.seq, waiting=()))
        return True
    active, waiting = row.number("active"), _waiting(row)
    free = active in (0, run.seq) or await _over(world, run.registry, active)
    kept = [seq for seq in waiting if seq != run.seq] if free else sorted({*waiting, run.seq})
    await world.tables.replace(LOCKS, _row(run, row, active=run.seq if free else active, waiting=kept))
    return free


async def _over(world: World, registry: str, seq: int) -> bool:
    stored = await run_rows.by_seq(world, registry, seq)
    return stored is None or stored.run.status.final


def _waiting(row: Row) -> list[int]:
    return list(json.loads(row.text("waiting")))


def _row(run: Run, row: Row | None, *, active: int, waiting: Sequence[int]) -> Row:
    task = (run.task or "").lower()
    values: dict[str, Value] = {"active": active, "waiting": json.dumps(list(waiting))}
    return Row(keys.task_partition(run.registry, task), task, values, row.etag if row else "")
