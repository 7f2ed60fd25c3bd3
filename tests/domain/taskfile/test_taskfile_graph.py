"""The graph of steps and the order in which they run (semantics 1.4)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselift.domain.taskfile import Graph, Schedule, Status, TaskFile, graph

Read = Callable[..., TaskFile]

GRAPHS = {
    "one after the other": (["", "", ""], {"a": (), "b": ("a",), "c": ("b",)}),
    "empty lists": (["when: []", "when: ~", "when: []"], {"a": (), "b": ("a",), "c": ("b",)}),
    "roots": (["when: ['-']", "when: ['-']", ""], {"a": (), "b": (), "c": ("b",)}),
    "named": (["", "when: ['-']", "when: [b, a]"], {"a": (), "b": (), "c": ("b", "a")}),
    "named twice": (["", "", "when: [a, a, b, a]"], {"a": (), "b": ("a",), "c": ("a", "b")}),
    "the root by name": (["", "when: [acb_root]", "when: [acb_root, a]"], {"a": (), "b": (), "c": ("a",)}),
}


@pytest.mark.parametrize(("whens", "parents"), GRAPHS.values(), ids=GRAPHS)
def test_a_step_waits_for_what_it_names_else_for_the_one_before(
    whens: list[str], parents: dict[str, tuple[str, ...]], read: Read
) -> None:
    steps = "".join(f"- {{id: {name}, cmd: img, {when}}}\n" for name, when in zip("abc", whens, strict=True))
    made = graph(read("steps:\n" + steps))
    assert made.parents == parents
    assert made.roots == tuple(step for step, waits in parents.items() if not waits)


def test_children_are_the_other_end_of_parents() -> None:
    made = Graph({"a": (), "b": ("a",), "c": ("a", "b")})
    assert made.children("a") == ("b", "c")
    assert made.children("c") == ()


DIAMOND = Graph({"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}, frozenset({"b"}))


def test_steps_start_when_all_their_parents_are_done() -> None:
    schedule = Schedule(DIAMOND)
    assert (schedule.ready, schedule.over) == (("a",), False)
    schedule = schedule.started("a")
    assert (schedule.ready, schedule.running, schedule.over) == ((), ("a",), False)
    schedule = schedule.ended("a", success=True)
    assert schedule.ready == ("b", "c")
    schedule = schedule.started("b").started("c").ended("c", success=True)
    assert schedule.ready == ()
    schedule = schedule.ended("b", success=True)
    assert schedule.ready == ("d",)
    schedule = schedule.started("d").ended("d", success=True)
    assert (schedule.over, schedule.failed) == (True, None)
    assert set(schedule.all().values()) == {Status.SUCCESSFUL}


def test_the_first_failure_ends_the_run_at_once() -> None:
    schedule = Schedule(DIAMOND).started("a").ended("a", success=True).started("b").started("c")
    schedule = schedule.ended("c", success=False)
    assert (schedule.over, schedule.failed, schedule.ready, schedule.running) == (True, "c", (), ("b",))
    assert schedule.all() == {"a": "successful", "b": "inprogress", "c": "failed", "d": "skipped"}


def test_a_failure_that_is_ignored_is_a_success() -> None:
    schedule = Schedule(DIAMOND).started("a").ended("a", success=True).started("b").ended("b", success=False)
    assert schedule.status("b") is Status.SUCCESSFUL
    assert (schedule.over, schedule.ready) == (False, ("c",))


def test_a_task_without_steps_is_over_at_once() -> None:
    assert Schedule(Graph({})).over


@pytest.mark.parametrize("step", ["b", "nope"])
def test_only_a_ready_step_can_start(step: str) -> None:
    with pytest.raises(ValueError, match="is not ready"):
        Schedule(DIAMOND).started(step)


def test_a_step_starts_and_ends_once() -> None:
    schedule = Schedule(DIAMOND).started("a")
    with pytest.raises(ValueError, match="is not ready"):
        schedule.started("a")
    with pytest.raises(ValueError, match="is not running"):
        schedule.ended("b", success=True)
    with pytest.raises(ValueError, match="is not running"):
        schedule.ended("a", success=True).ended("a", success=True)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    parents: dict[str, tuple[str, ...]] = {}
    for index in range(draw(st.integers(0, 8))):
        earlier = st.lists(st.sampled_from(sorted(parents)), unique=True, max_size=4) if parents else st.just([])
        parents[f"s{index}"] = tuple(draw(earlier))
    ignoring = draw(st.frozensets(st.sampled_from(sorted(parents)))) if parents else frozenset()
    return Graph(parents, ignoring)


@given(graphs(), st.data())
def test_every_run_ends_with_parents_before_children_and_each_step_once(made: Graph, data: st.DataObject) -> None:
    schedule, started = Schedule(made), []
    while not schedule.over:
        step = data.draw(st.sampled_from([*schedule.ready, *schedule.running]))
        if step in schedule.running:
            schedule = schedule.ended(step, success=data.draw(st.booleans()))
            continue
        assert all(schedule.status(parent) is Status.SUCCESSFUL for parent in made.parents[step])
        schedule = schedule.started(step)
        started.append(step)
    assert len(set(started)) == len(started)
    if schedule.failed is None:
        assert set(started) == set(made.parents)
    else:
        assert schedule.failed not in made.ignoring
        assert Status.FAILED in schedule.all().values()
