"""What people do with a wave: have the rest of it done, or cancel it."""

from datetime import timedelta

from baselift.app import base_rows, run_rows
from baselift.app.cancel_run import cancel_run
from baselift.app.fan_out import fan_out
from baselift.app.notifications import tell
from baselift.app.ports import Stale
from baselift.app.waves import followers, pauses, settle_member, wave_rows
from baselift.app.waves.carry_on import carry_on
from baselift.app.waves.drive import cancel_members, repair_waves
from baselift.app.waves.followers import Place
from baselift.app.waves.pauses import Pause
from baselift.app.waves.walk import together
from baselift.app.waves.wave_rows import StoredMember, Wave
from baselift.app.world import NotFound, Refused, World
from baselift.domain import images
from baselift.domain.runs import Run
from baselift.domain.waves import states
from baselift.domain.waves.states import MemberState, WaveState

_LEFT = (MemberState.FAILED, MemberState.HELD, MemberState.CANCELED)


async def resume_wave(world: World, identifier: str) -> list[Run]:
    """Have done what is left of a wave that was halted or canceled, or in which something failed; return the runs.

    Raises:
        NotFound: no such wave.
        Refused: nothing is left to resume.
    """
    wave = await get_wave(world, identifier)
    await wave_rows.activate(world, wave)
    while True:
        left = [each async for each in wave_rows.members(world, wave.plan) if each.member.state in _LEFT]
        tally = await wave_rows.tally(world, wave.plan)
        if tally is None or (not left and tally.tally.state is not WaveState.HALTED):
            raise Refused(f"wave '{wave.id}' has nothing left to resume")
        await tell.wave_changed(world, wave.plan, tally.tally)
        await together(left, lambda each: _wait(world, wave, each))
        try:
            if not left:
                await wave_rows.apply(world, wave.plan, (), states.resumed(tally.tally, (), world.waves), tally)
            queued = await settle_member.change_many(
                world, wave.plan, left, lambda now, members: states.resumed(now, members, world.waves)
            )
        except Stale:
            continue
        return await carry_on(world, wave.plan, [*queued, *await settle_member.let_in(world, wave.plan)])


async def cancel_wave(world: World, identifier: str) -> None:
    """Cancel a wave: what was not started is not, and the runs that are not over are canceled.

    Raises:
        NotFound: no such wave.
        Refused: the wave is over already.
    """
    wave = await get_wave(world, identifier)
    while True:
        tally = await wave_rows.tally(world, wave.plan)
        if tally is None or tally.tally.over:
            raise Refused(f"wave '{wave.id}' is over already: {tally.tally.state if tally else 'gone'}")
        try:
            await wave_rows.apply(world, wave.plan, (), states.canceled(tally.tally, (), world.now()), tally)
        except Stale:
            continue
        break
    await cancel_members(world, wave.plan)
    async for each in wave_rows.members(world, wave.plan):
        await _cancel_run(world, each)


async def unpause(world: World, pause: Pause) -> None:
    """End a pause and go on with what waited for that. What this leaves undone the reconciler does."""
    await pauses.remove(world, pause)
    if pause.kind == "base":
        stored = await base_rows.get(world, images.parse(pause.name))
        if stored is not None and stored.fanning:
            await fan_out(world, stored)
        return
    await repair_waves(world)


async def get_wave(world: World, identifier: str) -> Wave:
    """The wave. Raises NotFound."""
    wave = await wave_rows.get(world, identifier)
    if wave is None:
        raise NotFound(f"wave '{identifier}' does not exist{_or_gone(world, identifier)}")
    return wave


def _or_gone(world: World, identifier: str) -> str:
    """What is to be added where the wave may have been deleted."""
    if not world.retention or not wave_rows.may_be_gone(identifier, world.now() - world.retention):
        return ""
    return f", or is no longer kept: a wave is kept for {world.retention / timedelta(days=1):g} days after its end"


async def _wait(world: World, wave: Wave, each: StoredMember) -> None:
    await followers.wait(world, each.member.registry, each.member.task, Place(wave.plan, each.member.number))


async def _cancel_run(world: World, each: StoredMember) -> None:
    member = each.member
    if member.state is not MemberState.QUEUED or not member.seq:
        return
    stored = await run_rows.by_seq(world, member.registry, member.seq)
    if stored is not None and not stored.run.status.final:
        try:
            await cancel_run(world, member.registry, stored.run.id)
        except Refused:
            return
