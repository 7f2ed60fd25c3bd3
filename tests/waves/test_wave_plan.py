"""The graph of tasks, its cycles, and the plan that a movement makes of it."""

from datetime import UTC, datetime, timedelta

import pytest

from baselift.domain.runs import Status
from baselift.domain.waves.drawing import Drawing, Line, dot, mermaid
from baselift.domain.waves.graph import Graph, Node, Use
from baselift.domain.waves.limits import BREAKER_LIMIT, CLOSED, parse_budget, pause_after
from baselift.domain.waves.plan import make_plan, makespan


def graph(bases: dict[str, str], seconds: dict[str, float] | None = None, ignored: str = "") -> Graph:
    """Tasks named after the image that they push: `{"leaf": "left right"}`."""
    return Graph(
        Node(
            "r",
            name,
            (name,),
            [Use(base, "Runtime", base != ignored) for base in uses.split()],
            (seconds or {}).get(name, 60),
        )
        for name, uses in bases.items()
    )


DIAMOND = {"middle": "top", "left": "middle", "right": "middle", "leaf": "left right"}


def names(found: Graph, *moved: str) -> list[str]:
    return [member.task for member in make_plan(found, moved).members]


def test_parents_come_before_children_and_each_member_once():
    plan = make_plan(graph(DIAMOND | {"leaf": "left right top"}), ["top"])
    assert [(member.task, member.level) for member in plan.members] == [
        ("middle", 0),
        ("left", 1),
        ("right", 1),
        ("leaf", 2),
    ]
    assert plan.members[3].parents == (1, 2)
    assert plan.members[3].causes == ("left", "right", "top")
    assert plan.levels == 3


def test_only_what_depends_on_a_moved_base_is_a_member():
    found = graph(DIAMOND | {"other": "else"})
    assert names(found, "left") == ["leaf"]
    assert names(found, "else") == ["other"]
    assert names(found, "leaf") == []
    assert names(found, "left", "else") == ["leaf", "other"]


def test_an_edge_that_does_not_count_is_not_followed():
    assert names(graph(DIAMOND, ignored="left"), "top") == ["middle", "right", "left", "leaf"]
    assert names(graph(DIAMOND, ignored="middle"), "top") == ["middle"]


def test_time_is_that_of_the_longest_way_and_of_the_builders_there_are():
    plan = make_plan(graph(DIAMOND, {"middle": 10, "left": 100, "right": 20, "leaf": 5}), ["top"])
    assert plan.seconds == 115
    assert [plan.members[number].task for number in plan.critical] == ["middle", "left", "leaf"]
    assert [makespan(plan, builders) for builders in (1, 2, 9)] == [135, 115, 115]


@pytest.mark.parametrize("moved", ["base", "a", "b", "c"])
def test_the_edge_that_closes_a_cycle_is_the_same_wherever_a_walk_begins(moved: str):
    found = graph({"c": "b", "a": "base c", "b": "a", "d": "c"})
    (cycle,) = found.cycles
    assert cycle.path == ("r/a", "r/b", "r/c", "r/a")
    members = names(found, moved)
    assert len(members) == len(set(members))
    assert ("a" in members) == (moved == "base")


def test_a_task_on_its_own_output_is_named_and_not_built_for_it():
    found = graph({"self": "self base"})
    assert found.cycles[0].path == ("r/self", "r/self")
    assert names(found, "self") == []
    assert names(found, "base") == ["self"]


def test_a_long_chain_needs_no_recursion():
    count = 5000
    found = graph({f"n{number}": f"n{number - 1}" for number in range(1, count)} | {"n0": "top n4999"})
    plan = make_plan(found, ["top"])
    assert plan.levels == count
    assert len(found.cycles) == 1


def test_attempts_end_and_a_breaker_opens_for_longer_each_time():

    assert [pause_after(Status.FAILED, attempt) for attempt in (1, 2, 3)] == [60, 600, None]
    assert pause_after(Status.CANCELED, 1) is None
    now, breaker = datetime(2026, 1, 1, tzinfo=UTC), CLOSED
    for _ in range(BREAKER_LIMIT):
        assert not breaker.open(now)
        breaker = breaker.failed(now)
    assert breaker.open(now)
    assert breaker.until == now + timedelta(hours=1)
    assert breaker.failed(now).until == now + timedelta(hours=2)
    for _ in range(20):
        breaker = breaker.failed(now)
    assert breaker.until == now + timedelta(hours=32)


@pytest.mark.parametrize(
    ("text", "failed", "spent"),
    [("", 99, False), ("1", 1, False), ("1", 2, True), ("20%", 20, False), ("20%", 21, True)],
)
def test_a_budget_is_a_count_or_a_share(text: str, failed: int, spent: bool):
    assert parse_budget(text).spent(failed, 100) is spent


@pytest.mark.parametrize("text", ["many", "-1", "101%", "1.5", "%"])
def test_a_budget_that_is_none_is_refused_with_what_would_be_right(text: str):
    with pytest.raises(ValueError, match=r"for example 5.*is right"):
        parse_budget(text)


def test_names_are_written_so_that_drawing_tools_take_them():
    drawing = Drawing({'a"b': 'x "y" <z>', "c": "c"}, [Line('a"b', "c"), Line("c", 'a"b', broken=True)])
    assert mermaid(drawing).splitlines() == [
        "flowchart LR",
        '    n0["x &quot;y&quot; &lt;z&gt;"]',
        '    n1["c"]',
        "    n0 --> n1",
        "    n1 -.-> n0",
    ]
    assert r'"a\"b" -> "c";' in dot(drawing)
    assert "style=dashed" in dot(drawing)
