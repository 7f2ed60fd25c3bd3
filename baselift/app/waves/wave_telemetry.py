"""What is told of waves. Told by whoever's write of members and tally made it so."""

from collections.abc import Sequence
from datetime import UTC, datetime

from baselift.app.waves import wave_rows
from baselift.app.world import World
from baselift.domain.waves.states import Change, Member, Tally, WaveState


def changed(world: World, plan: str, before: Sequence[Member], change: Change, was: Tally) -> None:
    """Tell what a committed change of some members, and of the tally that was `was`, means."""
    telemetry, now = world.telemetry, change.tally
    open_before = {each.number for each in before if not each.state.settled}
    for member in change.members:
        if member.state.settled and member.number in open_before:
            telemetry.record("baselift.wave.members", state=member.state.value)
    if now.state is WaveState.HALTED and was.state is not WaveState.HALTED:
        telemetry.record("baselift.waves", state=now.state.value)
    if now.over and not was.over:
        seconds = (world.now() - datetime.fromtimestamp(wave_rows.began(plan), UTC)).total_seconds()
        telemetry.record("baselift.waves", state=now.state.value)
        telemetry.record("baselift.wave.duration", max(0.0, seconds), state=now.state.value)
