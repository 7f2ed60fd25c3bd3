"""What becomes of a wave: order, joins, failures, pauses, and what people do with it."""

from dataclasses import replace
from typing import Any

import pytest
from simulator.graphs import REGISTRY, reference
from waves.family import DIAMOND, Family

from baselift.app import task_rows
from baselift.app.cancel_run import cancel_run
from baselift.app.change_task import change_task, delete_task
from baselift.app.waves import pauses, wave_rows
from baselift.app.waves.control import cancel_wave, resume_wave, unpause
from baselift.app.waves.pauses import Pause
from baselift.app.waves.preview import preview
from baselift.app.waves.stale import stale
from baselift.app.world import BUILDS, NotFound, Refused
from baselift.domain.waves.limits import BREAKER_LIMIT, RETRIES, Budget
from baselift.domain.waves.states import MemberState, Policy, WaveState

S = MemberState


async def give_up(family: Family, fail: set[str]) -> None:
    """Let every attempt at these images fail."""
    await family.drain(fail)
    for pause in RETRIES[next(iter(RETRIES))]:
        await family.later(pause, fail)


async def test_a_diamond_is_built_once_each_the_leaf_after_both_sides():
    family = await Family.of(DIAMOND)
    runs = await family.move("top")
    assert [run.task for run in runs] == ["middle"]
    await family.drain()
    assert family.built[0] == "middle"
    assert sorted(family.built[1:3]) == ["left", "right"]
    assert family.built[3:] == ["leaf"]
    assert family.fresh("leaf")
    assert (await family.wave()).state is WaveState.FINISHED
    assert await family.left() == []


async def test_two_roots_that_move_together_build_what_is_on_both_once():
    family = await Family.of({"one": ["first"], "two": ["second"], "both": ["one", "two"], "end": ["both"]})
    await family.move("second", tell=False)
    await family.move("first")
    await family.drain()
    await family.move("second", family.registry.tags[reference("second")], tell=False)
    assert sorted(family.built) == ["both", "end", "one", "two"]


async def test_a_movement_joins_where_members_have_not_started():
    family = await Family.of({"one": ["first"], "two": ["second"], "both": ["one", "two"], "end": ["both"]})
    await family.move("first")
    await family.move("second")
    await family.drain()
    assert sorted(family.built) == ["both", "end", "one", "two"]
    assert family.fresh("end")
    assert sorted((await family.states(0)).values()) != sorted((await family.states(1)).values())
    assert [wave.state for wave in await family.waves()] == [WaveState.FINISHED] * 2


async def test_a_movement_follows_where_members_have_started():
    family = await Family.of({"one": ["first"], "end": ["one"]})
    await family.move("first")
    await family.move("first")
    await family.drain()
    assert family.fresh("end")
    assert len(await family.waves()) == 2
    assert family.built.count("end") == 1


async def test_a_base_that_moves_back_is_followed_back():
    family = await Family.of({"one": ["first"], "end": ["one"]})
    before = family.registry.tags[reference("first")]
    await family.move("first")
    await family.drain()
    family.registry.tags[reference("first")] = before
    await family.reconcile()
    family.clock.seconds += 700
    await family.reconcile()
    await family.drain()
    assert family.built == ["one", "end"] * 2
    assert family.fresh("end")


async def test_an_image_that_comes_out_the_same_ends_the_wave_there():
    family = await Family.of({"one": ["first"], "end": ["one"]})
    family.same = {"one"}
    await family.move("first")
    await family.drain()
    assert family.built == ["one"]
    assert await family.states() == {"one": S.SUCCEEDED, "end": S.CURRENT}


async def test_a_failed_member_is_tried_again_then_holds_what_depends_on_it_and_nothing_else():
    family = await Family.of(DIAMOND | {"other": ["right"]})
    await family.move("top")
    await give_up(family, {"left"})
    assert await family.states() == {
        "middle": S.SUCCEEDED,
        "left": S.FAILED,
        "right": S.SUCCEEDED,
        "other": S.SUCCEEDED,
        "leaf": S.HELD,
    }
    assert "no luck" in (await family.notes())["left"]
    assert "left" in (await family.notes())["leaf"]
    assert family.built == ["middle", "right", "other"]
    assert (await family.wave()).state is WaveState.FINISHED


async def test_a_member_that_succeeds_at_a_later_attempt_lets_the_wave_go_on():
    family = await Family.of(DIAMOND)
    await family.move("top")
    await family.drain({"left"})
    assert (await family.states())["left"] is S.RETRYING
    await family.later(60)
    assert family.built[-2:] == ["left", "leaf"]


async def test_a_retry_whose_message_is_lost_is_made_by_the_reconciler():
    family = await Family.of(DIAMOND)
    await family.move("top")
    await family.drain({"left"})
    family.clock.seconds += 61
    family.store.receive("waves", 32)
    await family.reconcile()
    await family.drain()
    assert family.built[-2:] == ["left", "leaf"]


async def test_resume_builds_what_is_left_and_nothing_again():
    family = await Family.of(DIAMOND)
    await family.move("top")
    await give_up(family, {"left"})
    wave = await family.wave()
    await resume_wave(family.world, wave.wave.id)
    await family.drain()
    assert family.built == ["middle", "right", "left", "leaf"]
    assert set((await family.states()).values()) == {S.SUCCEEDED}
    with pytest.raises(Refused, match="nothing left"):
        await resume_wave(family.world, wave.wave.id)


async def test_more_failures_than_the_budget_allows_halt_the_wave_until_it_is_resumed(caplog):
    family = await Family.of({name: ["top"] for name in "abcdef"}, Policy(concurrency=1, budget=Budget(count=1)))
    await family.move("top")
    fail = set("abcdef")
    for _ in range(6):
        await family.later(600, fail)
    wave = await family.wave()
    assert wave.state is WaveState.HALTED
    assert "2 of 6 members failed" in wave.note
    # The alert of infra/modules/alerts.bicep looks for such a line.
    assert [line for line in caplog.messages if "halted" in line] == [f"wave {wave.wave.id} {wave.note}"]
    assert family.store.messages(BUILDS) == []
    family.world = replace(family.world, waves=Policy(concurrency=1))
    await resume_wave(family.world, wave.wave.id)
    await family.drain()
    await family.later(700)
    assert sorted(family.built) == sorted("abcdef")


async def test_a_task_that_keeps_failing_is_left_alone_until_one_attempt_succeeds():
    family = await Family.of({"one": ["first"], "end": ["one"]})
    for _ in range(BREAKER_LIMIT):
        await family.move("first")
        await give_up(family, {"one"})
    runs = [row async for row in family.store.query("runs")]
    await family.move("first")
    await family.drain({"one"})
    assert len([row async for row in family.store.query("runs")]) == len(runs)
    assert (await family.states())["one"] is S.RETRYING
    await family.later(3601)
    assert family.built == ["one", "end"]
    assert await family.left() == []


async def test_a_canceled_run_holds_what_depends_on_it():
    family = await Family.of(DIAMOND)
    (run,) = await family.move("top")
    await cancel_run(family.world, REGISTRY, run.id)
    assert await family.states() == {"middle": S.CANCELED, "left": S.HELD, "right": S.HELD, "leaf": S.HELD}


async def test_a_canceled_wave_ends_with_its_runs():
    family = await Family.of(DIAMOND)
    await family.move("top")
    await family.next()
    wave = await family.wave()
    await cancel_wave(family.world, wave.wave.id)
    await family.drain()
    assert family.built == ["middle"]
    assert await family.states() == {"middle": S.SUCCEEDED, "left": S.CANCELED, "right": S.CANCELED, "leaf": S.CANCELED}
    assert (await family.wave()).state is WaveState.CANCELED
    with pytest.raises(Refused, match="over already"):
        await cancel_wave(family.world, wave.wave.id)
    with pytest.raises(NotFound):
        await cancel_wave(family.world, "1767225600-00000000")
    await family.move("top")
    await family.drain()
    assert family.fresh("leaf")


async def test_a_task_that_is_deleted_during_its_wave_holds_nobody_up():
    family = await Family.of(DIAMOND)
    await family.move("top")
    await delete_task(family.world, REGISTRY, "leaf")
    await delete_task(family.world, REGISTRY, "left")
    await family.drain()
    assert family.built == ["middle", "right"]
    assert (await family.wave()).state is WaveState.FINISHED


@pytest.mark.parametrize("kind", ["registry", "task"])
async def test_what_is_paused_waits_and_goes_on_with_the_newest(kind: str):
    family = await Family.of(DIAMOND)
    pause = Pause(kind, REGISTRY, "middle" if kind == "task" else "", "")
    await pauses.put(family.world, pause)
    for _ in range(3):
        assert await family.move("top") == []
    await family.reconcile()
    await family.drain()
    assert family.built == []
    assert (await family.wave()).state is WaveState.PAUSED
    await unpause(family.world, pause)
    await family.drain()
    assert sorted(family.built) == ["leaf", "left", "middle", "right"]
    assert family.fresh("leaf")


async def test_movements_of_a_paused_base_count_as_one():
    family = await Family.of(DIAMOND)
    pause = Pause("base", "", reference("top"), "")
    await pauses.put(family.world, pause)
    for _ in range(3):
        assert await family.move("top") == []
    await family.reconcile()
    assert await family.waves() == []
    await unpause(family.world, pause)
    await family.drain()
    assert len(family.built) == 4
    assert family.fresh("leaf")


async def test_a_maintenance_window_opens_and_closes():
    family = await Family.of({"one": ["first"]})
    await pauses.put(family.world, Pause("registry", REGISTRY, "", "", "0 2 * * *", 30))
    await family.move("first")
    family.clock.seconds = 2 * 3600 - 60
    await family.reconcile()
    assert family.store.messages(BUILDS) == []
    family.clock.seconds = 2 * 3600 + 60
    await family.reconcile()
    await family.drain()
    assert family.built == ["one"]


async def test_a_wave_keeps_to_its_concurrency_and_takes_the_longest_way_first():
    family = await Family.of({"short": ["top"], "long": ["top"], "tail": ["long"]}, Policy(concurrency=1))
    await family.move("top")
    assert len(family.store.messages(BUILDS)) <= 1
    await family.drain()
    assert family.built in (["long", "tail", "short"], ["long", "short", "tail"])


async def test_a_chain_of_a_thousand_members_that_need_no_run_is_walked_without_depth():
    names = [f"n{number}" for number in range(1000)]
    family = await Family.of({name: [names[at - 1] if at else "top"] for at, name in enumerate(names)})
    family.same = {"n0"}
    await family.move("top")
    await family.drain()
    assert family.built == ["n0"]
    assert (await family.wave()).state is WaveState.FINISHED


async def test_many_dependents_are_begun_by_one_call_and_messages():
    family = await Family.of({f"n{number}": ["top"] for number in range(300)}, Policy(concurrency=1000))
    runs = await family.move("top")
    assert len(runs) == 64
    await family.drain()
    assert sorted(family.built) == sorted(f"n{number}" for number in range(300))


async def test_an_edge_that_closes_a_cycle_never_fires():
    family = await Family.of({"one": ["first", "three"], "two": ["one"], "three": ["two"]})
    await family.move("first")
    for _ in range(3):
        await family.drain()
        await family.reconcile()
    assert family.built == ["one", "two", "three"]
    assert [wave.state for wave in await family.waves()] == [WaveState.FINISHED]


async def test_a_change_that_closes_a_cycle_is_refused_with_its_path():
    family = await Family.of({"one": ["first"], "two": ["one"], "three": ["two"]})

    def renamed(old: dict[str, Any] | None) -> dict[str, Any]:
        assert old is not None
        step = old["properties"]["step"] | {"imageNames": [reference("first")]}
        return old | {"properties": old["properties"] | {"step": step}}

    with pytest.raises(Refused, match="one -> two -> three -> one"):
        await change_task(family.world, REGISTRY, "three", renamed)
    await change_task(family.world, REGISTRY, "one", renamed)


async def test_a_preview_is_the_plan_that_is_then_carried_out():
    family = await Family.of(DIAMOND)
    shown = await preview(family.world, REGISTRY, reference("top"))
    assert [wave async for wave in wave_rows.newest(family.world)] == []
    await family.move("top")
    assert list(await family.states()) == [member.task for member in shown.plan.members]
    assert (shown.plan.levels, shown.seconds) == (3, 180)
    assert [shown.plan.members[number].task for number in shown.plan.critical] == ["middle", "left", "leaf"]


async def test_what_is_stale_is_told_until_it_is_built():
    family = await Family.of({"one": ["first"], "end": ["one"]})
    assert await stale(family.world, REGISTRY) == []
    await family.move("first")
    (found,) = await stale(family.world, REGISTRY)
    assert (found.task, found.edge.base) == ("one", reference("first"))
    await family.drain()
    assert await stale(family.world, REGISTRY) == []


async def test_durations_are_learned_from_runs():
    family = await Family.of({"one": ["first"]})
    await family.move("first")
    await family.drain()
    task = await task_rows.get(family.world, REGISTRY, "one")
    assert task is not None
    assert task.edges.seconds == 0.0
