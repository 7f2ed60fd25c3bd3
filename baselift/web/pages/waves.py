"""Waves: what one movement of a base causes, how far it is, and who waits for whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baselift.app.waves.list_waves import ShownWave, by_state
from baselift.domain.waves.states import Member, MemberState, WaveState
from baselift.web.values import Chip, Moment, duration, moment, named

_MEMBER = {
    MemberState.WAITING: "wait",
    MemberState.READY: "wait",
    MemberState.QUEUED: "busy",
    MemberState.RETRYING: "warn",
    MemberState.SUCCEEDED: "good",
    MemberState.CURRENT: "good",
    MemberState.JOINED: "good",
    MemberState.FAILED: "bad",
    MemberState.HELD: "warn",
    MemberState.CANCELED: "off",
}
_WAVE = {
    WaveState.PLANNED: "wait",
    WaveState.RUNNING: "busy",
    WaveState.HALTED: "bad",
    WaveState.PAUSED: "warn",
    WaveState.FINISHED: "good",
    WaveState.CANCELED: "off",
}
_OPEN = (WaveState.PLANNED, WaveState.RUNNING, WaveState.PAUSED)


@dataclass(frozen=True, slots=True)
class Row:
    """One wave in a list."""

    id: str
    chip: Chip
    causes: list[str]
    total: int
    settled: int
    failed: int
    share: float
    """Of its members that are settled, in percent."""
    at: Moment | None
    took: str
    note: str
    going: bool


@dataclass(frozen=True, slots=True)
class Place:
    """One member of a wave."""

    task: str
    where: str
    """Name of the task's registry."""
    label: str
    chip: Chip
    run: str
    took: str
    note: str
    waits: list[str]
    due: Moment | None


def row(shown: ShownWave, now: datetime) -> Row:
    """A wave in a list."""
    wave, tally = shown.wave, shown.tally
    tone = "warn" if shown.state is WaveState.FINISHED and tally.failed else _WAVE[shown.state]
    begun = datetime.fromisoformat(wave.begun)
    return Row(
        id=wave.id,
        chip=Chip(tone, str(shown.state)),
        causes=[cause.image for cause in wave.causes],
        total=tally.total,
        settled=tally.settled,
        failed=tally.failed,
        share=100 * tally.settled / max(1, tally.total),
        at=moment(wave.begun),
        took=duration(((tally.ended or now) - begun).total_seconds()),
        note=shown.note,
        going=shown.state in _OPEN,
    )


def view(shown: ShownWave, members: Sequence[Member], registry: str, now: datetime) -> dict[str, Any]:
    """What a wave's page shows; members of other registries are named with theirs."""
    levels: list[list[Place]] = [[] for _ in range(max((member.level for member in members), default=-1) + 1)]
    for member in members:
        levels[member.level].append(_place(member, members, registry, now))
    left = any(member.state in (MemberState.FAILED, MemberState.HELD, MemberState.CANCELED) for member in members)
    return {
        "wave": row(shown, now),
        "causes": shown.wave.causes,
        "levels": levels,
        "states": [(Chip(_MEMBER[MemberState(name)], name), count) for name, count in by_state(members).items()],
        "can_resume": left or shown.state is WaveState.HALTED,
        "can_cancel": not shown.tally.over,
    }


def _place(member: Member, members: Sequence[Member], registry: str, now: datetime) -> Place:
    ended = member.ended or now
    return Place(
        task=member.task,
        where=member.registry,
        label=named(member.registry, member.task, registry),
        chip=Chip(_MEMBER[member.state], str(member.state)),
        run=member.run,
        took=duration((ended - member.started).total_seconds()) if member.started else "",
        note=member.note,
        waits=[named(members[number].registry, members[number].task, registry) for number in member.pending]
        if member.state is MemberState.WAITING
        else [],
        due=moment(member.due),
    )
