"""Go on with a wave from what the tables say, whatever a crash or a lost message left undone. All is repeatable."""

import logging

from baselift.app import run_rows
from baselift.app.notifications import tell
from baselift.app.ports import Row, Stale
from baselift.app.waves import followers, settle_member, wave_rows
from baselift.app.waves.advance import advance
from baselift.app.waves.carry_on import carry_on
from baselift.app.waves.followers import Place
from baselift.app.waves.walk import together
from baselift.app.waves.wave_rows import StoredMember
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.builds import Failure
from baselift.domain.runs import Run
from baselift.domain.waves import states
from baselift.domain.waves.states import Member, MemberState, WaveState

log = logging.getLogger(__name__)


async def repair_waves(world: World) -> None:
    """Go on with every wave that is not over."""
    async for row in wave_rows.active(world):
        wave = await wave_rows.get(world, row.text("id"))
        if wave is not None and wave.plan == row.text("plan"):
            await drive(world, wave.plan)
        elif _old(world, row):
            # Its planner died, or another was faster.
            await discard(world, row.text("plan"))


async def drive(world: World, plan: str) -> list[Run]:
    """Bring each member of a wave as far as it can go now; return the runs."""
    tally = await wave_rows.tally(world, plan)
    if tally is not None:
        await tell.wave_changed(world, plan, tally.tally)
    if tally is None or tally.tally.over:
        await wave_rows.retire(world, plan)
        return []
    if tally.tally.state is WaveState.CANCELED:
        await cancel_members(world, plan)
    if tally.tally.state is WaveState.PLANNED:
        await _open(world, plan)
        return await carry_on(world, plan, await settle_member.let_in(world, plan))
    runs: list[Run] = []
    async for stored in wave_rows.moving(world, plan):
        runs += await drive_member(world, Place(plan, stored.member.number), stored)
    runs += await carry_on(world, plan, await settle_member.let_in(world, plan))
    return runs


async def _open(world: World, plan: str) -> None:
    """Look at the other bases of the members, so that what moved with the cause is waited for; then let members start.

    Events come late, or never. A base that cannot be looked at now is found by the reconciler, and followed then.
    """
    wave = await wave_rows.get(world, wave_rows.id_of(plan))
    await together(wave.beside if wave else (), lambda image: _look(world, image))
    while (stored := await wave_rows.tally(world, plan)) is not None:
        try:
            await wave_rows.apply(world, plan, (), states.opened(stored.tally), stored)
        except Stale:
            continue
        return


async def _look(world: World, image: str) -> None:
    from baselift.app.on_push import on_push  # noqa: PLC0415  # looking leads to a wave, and this wave to looking

    try:
        await on_push(world, images.parse(image))
    except Failure as failure:
        log.warning("%s could not be looked at: %s", image, failure)


async def drive_member(world: World, place: Place, known: StoredMember | None = None) -> list[Run]:
    """Bring one member as far as it can go now: the answer to a message of the queue of waves."""
    stored = known or await wave_rows.member(world, place.plan, place.number)
    if stored is None:
        return []
    member = stored.member
    if member.state is MemberState.RETRYING:
        return await _retry(world, place, member)
    if member.state is not MemberState.QUEUED:
        return []
    stored_run = await run_rows.by_seq(world, member.registry, member.seq) if member.seq else None
    if stored_run is None:
        return await carry_on(world, place.plan, [stored])
    run = stored_run.run
    if not run.status.final or await run_rows.is_active(world, run):
        # Until a run that is over has told of what it pushed, those who wait for it must not look.
        return []
    return await advance(world, run)


async def cancel_members(world: World, plan: str) -> None:
    """Cancel the members of a canceled wave that have no run."""
    while True:
        found = [stored async for stored in wave_rows.members(world, plan) if not stored.member.state.settled]
        try:
            await settle_member.change_many(
                world, plan, found, lambda tally, members: states.canceled(tally, members, world.now())
            )
        except Stale:
            continue
        return


async def discard(world: World, plan: str) -> None:
    """Remove a plan that does not count."""
    found: list[StoredMember] = [stored async for stored in wave_rows.members(world, plan)]
    for each in found:
        await followers.leave(world, each.member.registry, each.member.task, Place(plan, each.member.number))
    await wave_rows.clear(world, plan)
    await wave_rows.retire(world, plan)


async def _retry(world: World, place: Place, member: Member) -> list[Run]:
    if member.due is not None and world.now() < member.due:
        return []
    await followers.wait(world, member.registry, member.task, place)
    changed = await settle_member.change(
        world,
        place.plan,
        place.number,
        lambda now: now.state is MemberState.RETRYING and now.due == member.due,
        lambda tally, now: states.again(tally, now, world.waves),
    )
    return await carry_on(world, place.plan, changed or ())


def _old(world: World, row: Row) -> bool:
    return world.now().timestamp() - float(row.values["sent"]) > world.lease.total_seconds()  # type: ignore[arg-type]
