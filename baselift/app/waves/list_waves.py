"""Waves as people see them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from baselift.app.waves import pauses, wave_rows
from baselift.app.waves.control import get_wave
from baselift.app.waves.pauses import Pause
from baselift.app.waves.walk import together
from baselift.app.waves.wave_rows import Wave
from baselift.app.world import NotFound, World
from baselift.domain.waves.states import Member, MemberState, Tally, WaveState

PAGE = 50
"""Waves that are listed at most."""


@dataclass(frozen=True, slots=True)
class ShownWave:
    """A wave, and what it is at."""

    wave: Wave
    tally: Tally
    state: WaveState
    """That of the tally; `paused` where it runs, and a pause keeps what is ready from starting."""
    note: str


async def list_waves(world: World, registry: str, size: int = PAGE) -> list[ShownWave]:
    """The waves with members of a registry, newest first."""
    paused, found = await asyncio.gather(pauses.every(world), _newest(world, registry, size))
    return await together(found, lambda wave: _shown(world, wave, paused))


async def show_wave(world: World, registry: str, identifier: str) -> tuple[ShownWave, Sequence[Member]]:
    """A wave and its members, by number. Raises NotFound."""
    wave = await get_wave(world, identifier)
    if registry.lower() not in wave.registries:
        raise NotFound(f"wave '{identifier}' has no member in registry '{registry}'")
    members = [stored.member async for stored in wave_rows.members(world, wave.plan)]
    return await _shown(world, wave, await pauses.every(world)), members


async def _newest(world: World, registry: str, size: int) -> list[Wave]:
    found: list[Wave] = []
    async for wave in wave_rows.newest(world, size):
        if registry.lower() in wave.registries:
            found.append(wave)
        if len(found) == size:
            break
    return found


def by_state(members: Sequence[Member]) -> dict[str, int]:
    """How many members are in each state that occurs."""
    return {state: count for state in MemberState if (count := sum(each.state is state for each in members))}


async def _shown(world: World, wave: Wave, paused: Sequence[Pause]) -> ShownWave:
    stored = await wave_rows.tally(world, wave.plan)
    tally = stored.tally if stored else Tally(wave.total)
    names = {pause.registry.lower() for pause in paused if pause.kind != "base" and pause.holds(world.now())}
    if tally.state is WaveState.RUNNING and tally.ready and not tally.open and names & set(wave.registries):
        return ShownWave(wave, tally, WaveState.PAUSED, "what is ready belongs to something that is paused")
    return ShownWave(wave, tally, tally.state, tally.note)
