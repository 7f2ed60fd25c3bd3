"""Have targets told of what happened. All is derived from what is committed, may be repeated, and sends nothing."""

from collections.abc import Sequence

from baselift.app.notifications import outbox, update_trigger
from baselift.app.notifications.outbox import Notice
from baselift.app.notifications.targets import Target
from baselift.app.task_rows import StoredTask
from baselift.app.waves import wave_rows
from baselift.app.waves.wave_rows import Wave
from baselift.app.world import World
from baselift.domain import notifications
from baselift.domain.notifications import Happening, WaveFacts
from baselift.domain.runs import Run
from baselift.domain.waves.states import Member, MemberState, Moved, Tally

_LEFT = (MemberState.FAILED, MemberState.HELD, MemberState.CANCELED)


async def run_ended(world: World, run: Run, task: StoredTask | None) -> None:
    """Tell of a run that is over."""
    await update_trigger.run_ended(world, run, task)
    targets = await _targets(world, run.registry)
    if not targets:
        return
    moved, wave = await _movement(world, run)
    if (happening := notifications.of_run(run, moved, wave)) is not None:
        await _tell(world, targets, happening)


async def wave_changed(world: World, plan: str, tally: Tally) -> None:
    """Tell of what has happened to a wave so far, as its tally shows."""
    if not await world.targets.any(world.tables, world.now()):
        return
    wave = await wave_rows.get(world, wave_rows.id_of(plan))
    if wave is None or wave.plan != plan:
        return
    told = [targets for registry in wave.registries if (targets := await _targets(world, registry))]
    for happening in notifications.of_wave(await _facts(world, wave, tally), tally) if told else ():
        for targets in told:
            await _tell(world, targets, happening)


async def ping(world: World, target: Target) -> Happening:
    """Send a target an event that says nothing."""
    happening = notifications.ping(target.registry, target.name, world.token()[:16], world.now())
    await outbox.record(world, _notice(world, target, happening))
    return happening


async def _targets(world: World, registry: str) -> Sequence[Target]:
    return await world.targets.of(world.tables, world.now(), registry)


async def _tell(world: World, targets: Sequence[Target], happening: Happening) -> None:
    for target in targets:
        if notifications.wanted(happening, target.actions, target.scope):
            await outbox.record(world, _notice(world, target, happening))


def _notice(world: World, target: Target, happening: Happening) -> Notice:
    return Notice(
        registry=target.registry,
        target=target.name,
        key=outbox.key_of(happening.id, happening.at),
        id=happening.id,
        action=happening.action,
        at=happening.at,
        body=notifications.document(happening, target.source),
        since=world.now(),
    )


async def _movement(world: World, run: Run) -> tuple[Sequence[Moved], str]:
    """What moved, and the wave, of a run that bases caused."""
    place = wave_rows.place_of(run.cause)
    if place is None:
        return (), ""
    plan, number = place
    stored = await wave_rows.member(world, plan, number)
    return (stored.member.moved if stored else ()), wave_rows.id_of(plan)


async def _facts(world: World, wave: Wave, tally: Tally) -> WaveFacts:
    members: list[Member] = []
    if tally.over or tally.halted is not None:
        members = [stored.member async for stored in wave_rows.members(world, wave.plan)]
    counts = {state.value: count for state in MemberState if (count := sum(each.state is state for each in members))}
    left = [each.task for each in members if each.state in _LEFT]
    return WaveFacts(wave.id, wave.causes, wave.at, wave.begun, counts, left)
