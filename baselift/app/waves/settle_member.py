"""Write what happens to members: each change in one batch with the tally, again until nobody wrote in between.

A change that is too large for one batch is written in parts, the member that it begins with last: killed in between, it
is done again.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from baselift.app.notifications import tell
from baselift.app.ports import Stale
from baselift.app.waves import pauses, wave_rows, wave_telemetry
from baselift.app.waves.fresh import Fresh, read
from baselift.app.waves.walk import together
from baselift.app.waves.wave_rows import StoredMember, StoredTally
from baselift.app.world import World
from baselift.domain.waves import states
from baselift.domain.waves.states import Change, Member, MemberState, Tally, WaveState

PART = 40
"""Members changed by one batch."""

log = logging.getLogger(__name__)

_writing: dict[tuple[int, str], asyncio.Lock] = {}
_wanted: Counter[tuple[int, str]] = Counter()

Guard = Callable[[Member], bool]
Make = Callable[[Tally, Member], Change]


def going(seq: int) -> Guard:
    """True of a queued member whose run has this number; 0: that has no run yet."""
    return lambda member: member.state is MemberState.QUEUED and member.seq == seq


@dataclass(frozen=True, slots=True)
class Passed:
    """What follows from a member that is done."""

    queued: Sequence[StoredMember]
    """Members that are to be started."""
    ready: int
    """How many others wait for room."""
    fresh: Fresh
    """What was read for those that are to be started."""


NOTHING = Passed((), 0, Fresh())
"""Nothing follows."""


async def passed(world: World, plan: str, number: int, state: MemberState, note: str, guard: Guard) -> Passed | None:
    """Settle a member whose children may go. None: it is not as `guard` says."""
    async with _alone(world, plan):
        while (found := await _read(world, plan, number)) and guard(found[1].member):
            tally, stored = found
            children = await numbered(world, plan, stored.member.children)
            try:
                return await _pass(world, plan, tally, stored, children, state, note)
            except Stale:
                continue
    return None


async def _pass(
    world: World,
    plan: str,
    tally: StoredTally,
    stored: StoredMember,
    children: Sequence[StoredMember],
    state: MemberState,
    note: str,
) -> Passed:
    queued: list[StoredMember] = []
    while len(children) > PART:
        part, children = children[:PART], children[PART:]
        freed = states.freed(tally.tally, stored.member, [each.member for each in part], world.waves)
        queued += await _write(world, plan, part, freed, tally)
        tally = await _tally(world, plan)
    freed = states.freed(tally.tally, stored.member, [each.member for each in children], world.waves)
    done = states.passed(freed.tally, stored.member, state, note, world.now())
    both = Change(done.tally, (*freed.members, *done.members))
    # What those that are freed need is read beside: should it have changed, whoever takes their tasks' rows finds out.
    last, fresh = await asyncio.gather(
        _write(world, plan, [*children, stored], both, tally), read(world, _queued(freed.members))
    )
    return Passed((*queued, *last), done.tally.ready, fresh)


async def failed(world: World, plan: str, number: int, state: MemberState, note: str, guard: Guard) -> bool:
    """Settle a member that failed or was canceled, its descendants held. False: it is not as `guard` says."""
    while (found := await _read(world, plan, number)) and guard(found[1].member):
        tally, stored = found
        try:
            await _hold(world, plan, stored.member)
            tally = await _tally(world, plan)
            change = states.failed(tally.tally, stored.member, state, note, world.now(), world.waves)
            await _write(world, plan, [stored], change, tally)
        except Stale:
            continue
        return True
    return False


async def put_off(world: World, plan: str, number: int, due: datetime, note: str, guard: Guard, *, again: bool) -> bool:
    """Have a member tried later. False: it is not as `guard` says."""
    changed = await change(
        world, plan, number, guard, lambda tally, member: states.put_off(tally, member, due, note, again=again)
    )
    return changed is not None


async def change(world: World, plan: str, number: int, guard: Guard, make: Make) -> Sequence[StoredMember] | None:
    """Change one member and the tally; it, if it is to be started. None: it is not as `guard` says."""
    async with _alone(world, plan):
        while (found := await _read(world, plan, number)) and guard(found[1].member):
            tally, stored = found
            try:
                return await _write(world, plan, [stored], make(tally.tally, stored.member), tally)
            except Stale:
                continue
    return None


async def change_many(
    world: World, plan: str, members: Sequence[StoredMember], make: Callable[[Tally, Sequence[Member]], Change]
) -> Sequence[StoredMember]:
    """Change members in parts; return those that are to be started. Raises Stale, with some parts done."""
    queued: list[StoredMember] = []
    for start in range(0, len(members), PART):
        part, tally = members[start : start + PART], await _tally(world, plan)
        queued += await _write(world, plan, part, make(tally.tally, [each.member for each in part]), tally)
    return queued


async def let_in(world: World, plan: str) -> Sequence[StoredMember]:
    """Queue members that are ready and not paused, the longest way first, as many as there is room for; return them."""
    while (stored := await wave_rows.tally(world, plan)) is not None:
        room = min(states.room(stored.tally, world.waves), PART)
        if not room or not stored.tally.ready:
            break
        found = await _startable(world, plan, room)
        if not found:
            break
        done = states.let_in(stored.tally, [each.member for each in found], world.waves)
        try:
            return await _write(world, plan, found, done, stored)
        except Stale:
            continue
    return ()


async def _startable(world: World, plan: str, count: int) -> Sequence[StoredMember]:
    now = world.now()
    paused = [pause for pause in await pauses.every(world) if pause.kind != "base" and pause.holds(now)]
    found = await numbered(world, plan, await wave_rows.ready(world, plan, None if paused else count))
    free = [each for each in found if pauses.of_member(paused, each.member.registry, each.member.task, now) is None]
    return free[:count]


async def numbered(world: World, plan: str, numbers: Sequence[int]) -> Sequence[StoredMember]:
    """Members by number."""
    found = await together(numbers, lambda number: wave_rows.member(world, plan, number))
    return [each for each in found if each is not None]


async def _hold(world: World, plan: str, by: Member) -> None:
    """Hold what depends on the member and waits, level by level."""
    seen, ahead = set[int](), list(by.children)
    while ahead:
        seen.update(ahead)
        found = await numbered(world, plan, ahead)
        waiting = [each for each in found if each.member.state is MemberState.WAITING]
        await change_many(world, plan, waiting, lambda tally, members: states.held(tally, by, members, world.now()))
        ahead = list({child for each in found for child in each.member.children} - seen)


@asynccontextmanager
async def _alone(world: World, plan: str) -> AsyncIterator[None]:
    """Let the starts and ends of one process write one after the other; between processes the tally's etag decides."""
    key = id(world.tables), plan
    lock = _writing.setdefault(key, asyncio.Lock())
    _wanted[key] += 1
    try:
        async with lock:
            yield
    finally:
        _wanted[key] -= 1
        if not _wanted[key]:
            del _wanted[key], _writing[key]


async def _read(world: World, plan: str, number: int) -> tuple[StoredTally, StoredMember] | None:
    tally, member = await asyncio.gather(wave_rows.tally(world, plan), wave_rows.member(world, plan, number))
    return None if tally is None or member is None else (tally, member)


async def _tally(world: World, plan: str) -> StoredTally:
    """Raises Stale when the plan is gone."""
    found = await wave_rows.tally(world, plan)
    if found is None:
        raise Stale(plan)
    return found


async def _write(
    world: World, plan: str, before: Sequence[StoredMember], change: Change, tally: StoredTally
) -> Sequence[StoredMember]:
    """Have a change count; the members that are to be started now. Raises Stale."""
    written = await wave_rows.apply(world, plan, before, change, tally)
    if change.tally.state is WaveState.HALTED and tally.tally.state is not WaveState.HALTED:
        log.warning("wave %s %s", wave_rows.id_of(plan), change.tally.note)
    wave_telemetry.changed(world, plan, [each.member for each in before], change, tally.tally)
    if change.tally.over or (change.tally.halted and not tally.tally.halted):
        await tell.wave_changed(world, plan, change.tally)
    if change.tally.over:
        await wave_rows.retire(world, plan)
    return [each for each in written if each.member.state is MemberState.QUEUED]


def _queued(members: Sequence[Member]) -> Sequence[Member]:
    return [each for each in members if each.state is MemberState.QUEUED]
