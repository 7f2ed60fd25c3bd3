"""Waves, and people, that want more builders than there are: who goes when."""

from dataclasses import replace

import pytest
from simulator.graphs import REGISTRY
from waves.family import Family

from baselift import upkeep
from baselift.app import gates, run_rows, turns
from baselift.app.dispatch import WAITING, feed
from baselift.app.gates import GATES, Gate
from baselift.app.request_run import Ask, request_run
from baselift.app.world import BUILDS
from baselift.domain.runs import Cause, Run
from baselift.domain.waves.states import Policy

COUNT = 12
TWO = {f"a{number}": ["first"] for number in range(COUNT)} | {f"b{number}": ["second"] for number in range(COUNT)}
"""The members of two waves."""


async def begin(family: Family, going: list[Run]) -> str:
    """Let builders, of which there are enough, begin what may begin; the first letters of those images."""
    before = len(going)
    for text in family.store.receive(BUILDS, 100):
        stored = await run_rows.get(family.world, *text.split())
        assert stored is not None
        run = stored.run
        known = run.status.final or run.seq in [each.seq for each in going]
        if not known and await turns.take(family.world, run):
            going.append(run)
    return "".join(str(run.task)[0] for run in going[before:])


async def carry_out(family: Family, going: list[Run], limit: int) -> str:
    """End what goes on, one after the other, and begin what may begin then."""
    order = await begin(family, going)
    while going:
        assert len(going) <= limit
        await family.end(going.pop(0))
        order += await begin(family, going)
    return order


def evenly(order: str, limit: int) -> bool:
    """Whether neither wave is ever further ahead than by what runs at once."""
    leads = [order[:length].count("a") - order[:length].count("b") for length in range(len(order))]
    return all(abs(lead) <= limit for lead in leads)


async def test_two_waves_share_the_builds_of_a_registry_whoever_came_first():
    family = await Family.of(TWO, Policy(concurrency=100, registry=3))
    await family.move("first")
    await family.move("second")
    order = await carry_out(family, [], 3)
    assert order.startswith("aaa")
    assert evenly(order, 3), order
    assert sorted(family.built) == sorted(TWO)
    assert await family.left() == []


async def test_members_that_a_wave_lets_in_meanwhile_take_no_turn_of_another_wave():
    family = await Family.of(TWO, Policy(concurrency=4, registry=2))
    await family.move("first")
    going: list[Run] = []
    order = await begin(family, going)
    await family.move("second")
    order += await carry_out(family, going, 2)
    assert evenly(order, 2), order
    assert sorted(family.built) == sorted(TWO)


async def ask(family: Family) -> Run:
    request = {"type": "DockerBuildRequest", "dockerFilePath": "Dockerfile"}
    return await request_run(family.world, Ask(REGISTRY, Cause("request", "person"), request, "QuickBuild"))


async def test_what_people_ask_for_does_not_wait_for_room_that_waves_have_taken():
    family = await Family.of(TWO, Policy(registry=1))
    await family.move("first")
    going: list[Run] = []
    await begin(family, going)
    person = await ask(family)
    await begin(family, going)
    assert [run.task for run in going] == ["a0", None]
    assert going[1].id == person.id


async def test_a_full_gate_is_passed_by_people_first_then_by_who_holds_least_of_it():
    family = await Family.of(TWO)
    first, second = await family.move("first"), await family.move("second")
    person, gate = await ask(family), Gate(REGISTRY, "pool", "pool")
    wanted = [(run.seq, "one") for run in first[:4]] + [(run.seq, "two") for run in second[:2]] + [(person.seq, "")]

    async def through() -> list[int]:
        return [seq for seq, party in wanted if await gates.enter(family.world, gate, seq, 2, party)]

    one, another = await through()
    assert [one, another] == [first[0].seq, first[1].seq]
    await gates.leave(family.world, gate, one, 2)
    wanted = wanted[1:]
    assert await through() == [another, person.seq]
    await gates.leave(family.world, gate, another, 2)
    wanted = wanted[1:]
    assert await through() == [second[0].seq, person.seq]


async def test_runs_that_are_over_and_were_left_at_a_gate_hold_up_nobody():
    family = await Family.of(TWO)
    runs, gate = await family.move("first"), Gate(REGISTRY, "pool", "pool")
    assert [await gates.enter(family.world, gate, run.seq, 1, "one") for run in runs[:4]] == [True] + [False] * 3
    for run in runs[:3]:
        await family.end(run)
    assert await gates.enter(family.world, gate, runs[3].seq, 1, "one")
    await gates.leave(family.world, gate, runs[3].seq, 1)
    assert [row async for row in family.store.query(GATES)] == []


async def test_waves_take_turns_for_places_in_the_queue():
    family = await Family.of(TWO)
    family.world = replace(family.world, window=2)
    await family.move("first")
    await family.move("second")
    order = ""
    while run := await family.next():
        order += str(run.task)[0]
        await feed(family.world)
    assert sorted(family.built) == sorted(TWO)
    assert "b" in order[: COUNT - 2], order
    assert [row async for row in family.store.query(WAITING)] == []


def test_the_limit_of_a_registry_is_a_setting():
    assert upkeep.load({"BASELIFT_REGISTRY_CONCURRENCY": "3"}).waves.registry == 3
    with pytest.raises(upkeep.InvalidUpkeep, match="BASELIFT_REGISTRY_CONCURRENCY is 'many'"):
        upkeep.load({"BASELIFT_REGISTRY_CONCURRENCY": "many"})
