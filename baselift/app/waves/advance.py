"""A run of a wave's member is over: settle the member, and start who waited for it alone."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from baselift.app.waves import followers, settle_member, wave_rows
from baselift.app.waves.carry_on import carry_on
from baselift.app.waves.followers import Follower, Place
from baselift.app.waves.settle_member import going
from baselift.app.waves.start_member import hand_over
from baselift.app.world import World
from baselift.domain.runs import Cause, Run, Status
from baselift.domain.waves import limits
from baselift.domain.waves.states import MemberState, WaveState


def place_of(cause: Cause) -> Place | None:
    """The member that a run was made for; None for a run of no wave."""
    found = wave_rows.place_of(cause)
    return Place(*found) if found else None


async def advance(world: World, run: Run) -> list[Run]:
    """Go on after a run that is over; return the runs that this makes. Done again it finds nothing to do."""
    place = place_of(run.cause)
    if run.status is Status.SUCCEEDED:
        _, runs = await asyncio.gather(_close_breaker(world, run), _go_on(world, place, run))
        return runs
    if place is None:
        return []
    await _failed(world, place, run)
    return await carry_on(world, place.plan, await settle_member.let_in(world, place.plan))


async def _close_breaker(world: World, run: Run) -> None:
    if run.task is not None:
        await followers.succeeded(world, run.registry, run.task)


async def _go_on(world: World, place: Place | None, run: Run) -> list[Run]:
    if place is None:
        return []
    passed = await settle_member.passed(world, place.plan, place.number, MemberState.SUCCEEDED, "", going(run.seq))
    if passed is None:
        return []
    # Who waited for room takes what this member leaves.
    more = await settle_member.let_in(world, place.plan) if passed.ready else ()
    return await carry_on(world, place.plan, [*passed.queued, *more], passed.fresh)


async def _failed(world: World, place: Place, run: Run) -> None:
    stored = await wave_rows.member(world, place.plan, place.number)
    if stored is None or not going(run.seq)(stored.member):
        return
    follower = await followers.get(world, run.registry, run.task or "")
    pause = None if follower.breaker.half_open else limits.pause_after(run.status, stored.member.attempt)
    note = f"run {run.id} ended {run.status}: {run.error or ''}".rstrip(": ")
    if pause is not None and not await _canceled(world, place):
        await _again(world, place, run, pause, note)
        return
    canceled = run.status is Status.CANCELED
    state = MemberState.CANCELED if canceled else MemberState.FAILED
    settled = await settle_member.failed(world, place.plan, place.number, state, note, going(run.seq))
    if settled and not canceled:
        await followers.change(world, run.registry, run.task or "", lambda row: _broken(world, row))


async def _again(world: World, place: Place, run: Run, pause: float, note: str) -> None:
    due = world.now() + timedelta(seconds=pause)
    await followers.wait(world, run.registry, run.task or "", place)
    if await settle_member.put_off(world, place.plan, place.number, due, note, going(run.seq), again=True):
        await hand_over(world, place, pause)


async def _canceled(world: World, place: Place) -> bool:
    stored = await wave_rows.tally(world, place.plan)
    return stored is None or stored.tally.state is WaveState.CANCELED


def _broken(world: World, row: Follower) -> Follower:
    return replace(row, breaker=row.breaker.failed(world.now()))
