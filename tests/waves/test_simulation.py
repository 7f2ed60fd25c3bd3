"""Waves over a real graph of 252 images, with events and messages lost and doubled, failing builds, dying processes."""

import asyncio
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from simulator.__main__ import staged_for
from simulator.graphs import GraphError, Image, affected, read
from simulator.report import Report
from simulator.simulation import Options, Simulation
from simulator.site import quiet

from baselift.app.waves import start_member
from baselift.domain.waves import states

GRAPH = Path(__file__).parents[1] / "assets" / "graphs" / "openshift-4.20.json"
SIMULATE = Path(__file__).parents[2] / "script" / "simulate"
TOP = ("stream:rhel9", "stream:rhel-9-golang")
SEEDS, CAMPAIGN = 20, 1000
LEAVES = 40


@pytest.fixture(scope="module")
def graph() -> Iterator[Mapping[str, Image]]:
    with quiet():
        yield read(GRAPH)


@pytest.fixture(scope="module")
def small(graph: Mapping[str, Image]) -> Mapping[str, Image]:
    """The images that others are built on, and some of those that nothing is."""
    used = {base for image in graph.values() for base, _ in image.bases}
    inner = {name for name in graph if name in used}
    leaves = [name for name in sorted(graph) if name not in used][:LEAVES]
    return {name: graph[name] for name in sorted(inner | set(leaves))}


async def simulated(graph: Mapping[str, Image], options: Options) -> Report:
    staged = await staged_for(graph, runtime_only=options.runtime_only)
    return await Simulation(graph, staged, options).run()


def clean(report: Report) -> tuple[int, int, int]:
    return report.builds, report.lost, report.violations


async def test_both_top_bases_are_249_builds_near_the_bound(graph: Mapping[str, Image]):
    report = await simulated(graph, Options(TOP))
    assert clean(report) == (249, 0, 0)
    assert report.wasted == 0
    assert report.makespan <= 1.1 * report.bound


@pytest.mark.parametrize(("runtime_only", "builds"), [(False, 235), (True, 0)])
async def test_a_new_go_is_235_builds_none_of_which_a_runtime_base_shows(
    graph: Mapping[str, Image], runtime_only: bool, builds: int
):
    report = await simulated(graph, Options(TOP[1:], runtime_only=runtime_only))
    assert clean(report) == (builds, 0, 0)


async def test_faults_change_nothing_of_what_is_built(small: Mapping[str, Image]):
    staged, expected = await staged_for(small), len(affected(small, TOP, runtime_only=False))
    reports = [await Simulation(small, staged, Options(TOP, faults=0.08, seed=seed)).run() for seed in range(SEEDS)]
    assert [(clean(report), report.details) for report in reports] == [((expected, 0, 0), [])] * SEEDS
    counted = {kind for report in reports for kind in report.faults}
    assert counted >= {"crash", "lost message", "doubled message", "lost event", "doubled event", "failed build"}


@pytest.mark.campaign
@pytest.mark.parametrize("registry", [0, 3])
async def test_bases_that_move_meanwhile_are_followed_to_the_newest(small: Mapping[str, Image], registry: int):
    staged = await staged_for(small)
    for seed in range(6):
        options = Options(TOP, faults=0.04, seed=seed, moves=4, registry=registry)
        report = await Simulation(small, staged, options).run()
        assert (report.lost, report.violations) == (0, 0), report.details


async def test_builds_that_give_what_was_there_already_spare_their_children(small: Mapping[str, Image]):
    report = await simulated(small, Options(TOP, reproducible=1.0, seed=1))
    roots = {name for name, image in small.items() if any(base in TOP for base, _ in image.bases)}
    assert clean(report)[0] == len(roots)
    assert [line for line in report.details if "newest" in line] == []


@pytest.mark.campaign
async def test_a_thousand_seeds_over_the_whole_graph(graph: Mapping[str, Image]):
    staged = await staged_for(graph)
    for seed in range(CAMPAIGN):
        report = await Simulation(graph, staged, Options(TOP, faults=0.05, seed=seed)).run()
        assert clean(report) == (249, 0, 0), (seed, report.details)


def without_barrier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members do not wait for their parents."""
    begun = states.begun

    def free(plan: Any, *args: Any) -> states.Change:
        members = tuple(member._replace(parents=()) for member in plan.members)
        return begun(replace(plan, members=members), *args)

    monkeypatch.setattr(states, "begun", free)


def without_order_of_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that waits in two waves is built where it is ready first."""

    async def nowhere(*_: Any) -> list[Any]:
        return []

    monkeypatch.setattr(start_member, "_others", nowhere)


def without_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children are not told that their parent is done."""
    monkeypatch.setattr(states, "freed", lambda tally, *_: states.Change(tally, ()))


RULES = (without_barrier, without_order_of_starts, without_release)


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
async def test_without_a_rule_the_simulation_tells(
    small: Mapping[str, Image], monkeypatch: pytest.MonkeyPatch, rule: Any
):
    staged = await staged_for(small)
    rule(monkeypatch)
    monkeypatch.setattr("simulator.simulation.LONGEST", 20_000.0)
    report = await Simulation(small, staged, Options(TOP, seed=3)).run()
    assert report.violations + report.lost > 0


async def test_the_command_prints_what_it_came_to():
    process = await asyncio.create_subprocess_exec(
        str(SIMULATE), str(GRAPH), "--bases", TOP[1], "--output", "json", stdout=subprocess.PIPE
    )
    printed, _ = await process.communicate()
    report = json.loads(printed)
    assert process.returncode == 0
    assert (report["builds"], report["lost"], report["violations"]) == (235, 0, 0)
    assert report["makespan"] >= report["critical_path"]


async def test_the_command_names_a_base_that_is_none():
    process = await asyncio.create_subprocess_exec(
        str(SIMULATE), str(GRAPH), "--bases", "nothing", stderr=subprocess.PIPE
    )
    _, told = await process.communicate()
    assert process.returncode == 2
    assert b"nothing in the graph is built on nothing" in told


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], r'is no graph of images .*: \{"images": '),
        ({"app": {"runtime": 1}}, "the bases of app are no names"),
        ({"app": {"buildtime": "base"}}, "the bases of app are no names"),
        ({"Ünï": {"runtime": "base"}}, "'Ünï' is no name of an image"),
        ({"app": {"runtime": "base.1", "buildtime": ["base-1"]}}, "base-1 and base.1 differ in punctuation alone"),
        ({"app": {"runtime": "app"}}, "^app -> app is a cycle"),
        (
            {"c": {"runtime": "b"}, "b": {"runtime": "a"}, "a": {"buildtime": ["c"]}},
            "c -> b -> a -> c is a cycle, each built on the next",
        ),
    ],
)
def test_what_is_no_graph_of_tasks_is_refused(tmp_path: Path, images: Any, message: str):
    (tmp_path / "graph.json").write_text(json.dumps({"images": images}))
    with pytest.raises(GraphError, match=message):
        read(tmp_path / "graph.json")
