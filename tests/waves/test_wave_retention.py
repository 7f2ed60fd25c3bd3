"""Waves are kept for a while after their end, and then go as a whole."""

from dataclasses import replace
from datetime import timedelta

import pytest
from app.crashing import Process, until_death
from simulator.graphs import REGISTRY, reference
from waves.family import DIAMOND, Family

from baselift.app import base_rows, retention
from baselift.app.fan_out import fan_out
from baselift.app.ports import Row, Stale
from baselift.app.retention import expire
from baselift.app.waves import wave_rows
from baselift.app.waves.control import resume_wave
from baselift.app.waves.list_waves import show_wave
from baselift.app.world import NotFound, Refused
from baselift.domain import images
from baselift.domain.waves.limits import RETRIES
from baselift.domain.waves.states import MemberState

DAY = 24 * 3600
TABLES = (wave_rows.WAVES, wave_rows.MEMBERS, wave_rows.ACTIVE)


async def rows(family: Family) -> list[Row]:
    return [row for table in TABLES async for row in family.store.query(table)]


async def over() -> Family:
    """A family whose one wave is over."""
    family = await Family.of(DIAMOND)
    await family.move("top")
    await family.drain()
    return family


async def failed() -> Family:
    """A family of whose one wave the last member failed."""
    family = await Family.of(DIAMOND)
    await family.move("top")
    await family.drain({"leaf"})
    for pause in RETRIES[next(iter(RETRIES))]:
        await family.later(pause, {"leaf"})
    assert (await family.states())["leaf"] is MemberState.FAILED
    return family


async def test_a_wave_goes_as_a_whole_thirty_days_after_its_end_and_that_is_said():
    family = await over()
    wave = (await family.wave()).wave
    family.clock.seconds += 29 * DAY
    await expire(family.world)
    assert len((await show_wave(family.world, REGISTRY, wave.id))[1]) == 4
    family.clock.seconds += 2 * DAY
    await expire(family.world)
    assert await rows(family) == []
    with pytest.raises(
        NotFound, match="does not exist, or is no longer kept: a wave is kept for 30 days after its end"
    ):
        await show_wave(family.world, REGISTRY, wave.id)


async def test_of_a_wave_that_cannot_be_gone_it_is_said_that_there_is_none():
    family = await over()
    young = (await family.wave()).wave.id[:10] + "-00000000"
    with pytest.raises(NotFound, match=r"does not exist$"):
        await show_wave(family.world, REGISTRY, young)


async def test_a_wave_that_goes_on_stays_however_old_it_is():
    family = await Family.of(DIAMOND)
    await family.move("top")
    await family.next()
    family.clock.seconds += 90 * DAY
    await expire(family.world)
    await family.reconcile()
    await family.drain()
    assert family.built == ["middle", "left", "right", "leaf"]


async def test_its_time_begins_anew_with_each_end():
    family = await failed()
    wave = (await family.wave()).wave
    family.clock.seconds += 29 * DAY
    await resume_wave(family.world, wave.id)
    await family.drain()
    family.clock.seconds += 2 * DAY
    await expire(family.world)
    assert set((await family.states()).values()) == {MemberState.SUCCEEDED}


async def test_a_wave_that_is_resumed_at_that_moment_stays():
    family = await failed()
    wave = (await family.wave()).wave
    family.clock.seconds += 31 * DAY
    known = await wave_rows.tally(family.world, wave.plan)
    await resume_wave(family.world, wave.id)
    with pytest.raises(Stale):
        await wave_rows.forget(family.world, wave, known)
    await family.drain()
    assert family.built.count("leaf") == 1


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_dies_leaves_nothing_of_a_wave_behind(after: bool):
    at, alive = 0, False
    while not alive:
        family, process = await failed(), Process(at, after)
        wave = (await family.wave()).wave
        family.clock.seconds += 31 * DAY
        alive = await until_death(expire(process.world(family.world)))
        if not await wave_rows.tally(family.world, wave.plan):
            with pytest.raises((NotFound, Refused)):
                await resume_wave(family.world, wave.id)
        family.clock.seconds += 2 * 3600
        await expire(family.world)
        await family.reconcile()
        assert (at, await rows(family)) == (at, [])
        at += 1
    assert at > 5


async def test_who_turns_out_to_be_behind_is_built_while_the_wave_of_that_movement_is_deleted():
    family = await over()
    wave, top = (await family.wave()).wave, images.parse(reference("top"))
    base, middle = (
        await base_rows.get(family.world, top),
        await base_rows.dependent(family.world, top, REGISTRY, "middle"),
    )
    assert base is not None
    assert middle is not None
    behind = replace(middle, edge=replace(middle.edge, generation=1, digest="sha256:old"))
    await base_rows.save_dependent(family.world, top, behind)
    family.clock.seconds += 31 * DAY
    process, known = Process(0, after=True), await wave_rows.tally(family.world, wave.plan)
    assert not await until_death(wave_rows.forget(process.world(family.world), wave, known))
    assert [run.task for run in await fan_out(family.world, base)] == ["middle"]
    await expire(family.world)
    assert [each.wave.id == wave.id for each in await family.waves()] == [False]


async def test_a_round_deletes_some_waves_and_the_next_ones_the_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "ROWS", 5)
    family = await over()
    for _ in range(3):
        family.clock.seconds += 60
        await family.move("top")
        await family.drain()
    family.clock.seconds += 31 * DAY
    left = []
    for _ in range(3):
        await expire(family.world)
        left.append(len(await family.waves()))
    assert left == [2, 0, 0]


async def test_all_waves_stay_where_everything_is_kept():
    family = await over()
    family.clock.seconds += 900 * DAY
    await expire(replace(family.world, retention=timedelta()))
    assert len(await family.waves()) == 1
