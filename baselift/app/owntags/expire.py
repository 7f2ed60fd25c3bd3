"""Delete the own tags of a task's older runs, where somebody asked for that: a part of the upkeep.

A round does a bounded amount for a bounded number of tasks; what is left is done by the next ones. Whatever is done may
be done again, by another instance too: a tag is forgotten only once it is gone.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from baselift.app import credentials, run_rows, task_rows
from baselift.app.clear import clear
from baselift.app.owntags import rows
from baselift.app.owntags.remove import remove
from baselift.app.owntags.rows import DONE, Keeper, Remembered
from baselift.app.ports import RegistryFailure, Stale
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain.builds import Failure
from baselift.domain.images import Reference
from baselift.domain.own_tags import GRACE, Fate, Keeping

TASKS = 20
"""Tasks looked after in one round."""
RUNS = 200
"""Runs of one task that are remembered afterwards in one round."""
GOING = 2000
"""Tags of one task considered in one round; fewer are deleted, see `remove`."""
PAUSE = timedelta(minutes=10)
"""Between two looks at a task's tags."""
_AGAIN, _LONGEST = timedelta(minutes=1), timedelta(hours=6)
_REFUSED, _RARELY = timedelta(hours=1), timedelta(days=1)

log = logging.getLogger(__name__)


async def expire_tags(world: World) -> None:
    """Look after the tags of the tasks whose turn it is."""
    left, end = TASKS, asyncio.get_running_loop().time() + world.round.total_seconds()
    async for keeper in rows.keepers(world):
        if keeper.due > world.now().timestamp():
            continue
        try:
            await _look_after(world, keeper)
        except Stale:
            log.info("another looks after the tags of task %s", keeper.task)
        left -= 1
        if not left or asyncio.get_running_loop().time() > end:
            return


async def _look_after(world: World, keeper: Keeper) -> None:
    task = await task_rows.get(world, keeper.registry, keeper.task)
    if task is None or not task.keep:
        await _forget(world, keeper)
        return
    keeper = await _catch_up(world, task, keeper)
    try:
        more = await _in_time(world, task)
    except Failure as failure:
        log.warning("tags of task %s: %s", task.name, failure)
        due = world.now() + _pause(failure, keeper.tries)
        changed = replace(keeper, due=due.timestamp(), tries=keeper.tries + 1, problem=str(failure))
    else:
        pause = timedelta() if more or keeper.below != DONE else PAUSE
        changed = replace(keeper, due=(world.now() + pause).timestamp(), tries=0, problem="")
    await rows.save_keeper(world, changed)


def _pause(failure: Failure, tries: int) -> timedelta:
    """What passes is tried soon; what a registry refuses, rarely."""
    transient = isinstance(failure, RegistryFailure) and failure.transient
    first, longest = (_AGAIN, _LONGEST) if transient else (_REFUSED, _RARELY)
    asked = failure.retry_after if isinstance(failure, RegistryFailure) else None
    return max(min(longest, first * (1 << min(tries, 10))), timedelta(seconds=asked or 0))


async def _forget(world: World, keeper: Keeper) -> None:
    """Nobody asks for it. Who does at this moment has noted it and not yet said so on the task."""
    if world.now().timestamp() - keeper.since < world.lease.total_seconds():
        return
    for _ in range(GOING // 100):
        if await rows.forget_task(world, keeper.registry, keeper.task):
            await rows.drop_keeper(world, keeper)
            return


async def _catch_up(world: World, task: StoredTask, keeper: Keeper) -> Keeper:
    """Remember what earlier runs pushed; runs that end from now on are remembered as they end."""
    if keeper.below == DONE:
        return keeper
    below, left = keeper.below, RUNS
    start = None if below == rows.FROM_NEWEST else below
    async for run in run_rows.newest_of_task(world, task.registry, task.name, start):
        await rows.record(world, run)
        below, left = run.seq, left - 1
        if not left:
            break
    return await rows.save_keeper(world, replace(keeper, below=below if not left else DONE))


async def _in_time(world: World, task: StoredTask) -> bool:
    """As `_expire`: what a registry does not answer keeps no other repair waiting for long."""
    try:
        async with asyncio.timeout(world.round.total_seconds()):
            return await _expire(world, task)
    except TimeoutError:
        raise Failure(f"the registry did not answer within {world.round.total_seconds():g} s") from None


async def _expire(world: World, task: StoredTask) -> bool:
    """True when there is more to do at once. Raises Failure, after all repositories were tried."""
    now, more, first = world.now().timestamp(), False, None
    all_going = await _going(world, task)
    if not any(each.due <= now for going in all_going.values() for each in going):
        return False
    known = await credentials.for_request(world, await clear(world, task.document.get("properties") or {}))
    for repository, going in all_going.items():
        try:
            more |= await remove(world, task, repository, going, known.get(repository.registry))
        except Failure as failure:
            first = first or failure
    if first is not None:
        raise first
    return more


async def _going(world: World, task: StoredTask) -> Mapping[Reference, Sequence[Remembered]]:
    """Tags that are to go, by repository."""
    keeping, going, count = Keeping(task.keep, world.now() - GRACE), dict[Reference, list[Remembered]](), 0
    async for each in rows.of_task(world, task):
        fate = keeping.fate(each.tag)
        if fate is Fate.AGAIN or (each.moved and _old(world, each)):
            await rows.forget(world, each)
        elif fate is Fate.GOES and not each.moved:
            going.setdefault(each.tag.repository, []).append(each)
            count += 1
        if count == GOING:
            break
    return going


def _old(world: World, each: Remembered) -> bool:
    """True once its run is not kept either: nobody could remember the tag anew."""
    kept = world.retention + timedelta(days=1)
    return bool(world.retention) and each.tag.at + kept < world.now()
