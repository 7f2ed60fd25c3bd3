"""Waves: how long planning takes and what it needs, what it costs to go on after a member, how well builders are used.

Planning is measured in a process of its own for each size, as processor time, since nothing in it waits.
"""

import asyncio
import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from graphlib import TopologicalSorter
from resource import RUSAGE_SELF, getrusage
from typing import Any

from parts.app import REPOSITORY
from simulator.__main__ import staged_for
from simulator.graphs import read
from simulator.simulation import Options, Simulation
from simulator.site import quiet

from baselift.domain.waves.graph import Graph, Node, Use
from baselift.domain.waves.plan import make_plan
from benchmarks.report import Aim, Figure
from benchmarks.trips import round_trips

SIZES = (1_000, 10_000, 100_000)
AIMS = {100_000: Aim(p50=2000)}
MEMORY_AIM = {100_000: Aim(p50=500)}
TIMES = 5
CHILDREN = (0, 1, 10)
GRAPH = REPOSITORY / "tests" / "assets" / "graphs" / "openshift-4.20.json"
TOP = ("stream:rhel9", "stream:rhel-9-golang")
BUILDERS = 8


async def waves() -> list[Figure]:
    """All of them."""
    figures = [figure for size in SIZES for figure in await asyncio.to_thread(_planning, size)]
    for children in CHILDREN:
        trips = await asyncio.to_thread(round_trips, children)
        title = f"advance a member, {children} released"
        figures.append(Figure(title, [trips], [3 + children], "3, and 1 for each released", Aim(ratio=1), "trips"))
    return [*figures, await _makespan()]


def _planning(size: int) -> list[Figure]:
    command = [sys.executable, "-B", "-m", "benchmarks.waves", str(size)]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    title = f"plan a wave over {size:,} tasks"
    sorted_by = "graphlib sorts the same tasks topologically"
    return [
        Figure(title, found["planned"], found["sorted"], sorted_by, AIMS.get(size, Aim())),
        Figure(f"{title}, memory", [found["peak"]], [found["before"]], "its tasks", MEMORY_AIM.get(size, Aim()), "MB"),
    ]


def nodes(size: int) -> list[Node]:
    """Tasks, a sixth of them on the base that moves; the others on one of those before, and on a tool beside."""
    dice, first = random.Random(1), max(1, size // 6)
    found = []
    for number in range(size):
        uses = [_use("top")]
        if number >= first:
            parent, tool = dice.randrange(max(0, number - 2 * first), number), dice.randrange(first // 10 + 1)
            uses = [_use(str(parent)), _use(str(tool))]
        found.append(Node("registry", f"task{number}", (_use(str(number)).image,), uses, 60.0 + number % 200))
    return found


def _use(name: str) -> Use:
    return Use(f"registry.example/{name}:1", "Runtime")


def measure(size: int) -> dict[str, Any]:
    """Milliseconds to plan and to sort, several times; MB before and at most. To be called in a process of its own."""
    given = nodes(size)
    before = _megabytes()
    planned = [_taken(lambda: make_plan(Graph(given), [_use("top").image])) for _ in range(TIMES)]
    peak = _megabytes()
    graph = Graph(given)
    children = {name: list(graph.children(name)) for name in graph.nodes}
    ordered = [_taken(lambda: list(TopologicalSorter(children).static_order())) for _ in range(TIMES)]
    return {"planned": planned, "sorted": ordered, "before": before, "peak": peak}


def _taken(work: Callable[[], object]) -> float:
    gc.collect()
    begun = time.thread_time()
    work()
    return (time.thread_time() - begun) * 1000


def _megabytes() -> float:
    return getrusage(RUSAGE_SELF).ru_maxrss * 1024 / 1e6


async def _makespan() -> Figure:
    """A wave without faults, by the simulation's clock."""
    graph = read(GRAPH)
    with quiet():
        report = await Simulation(graph, await staged_for(graph), Options(TOP, builders=BUILDERS)).run()
    title = f"a wave of {report.builds} images, {BUILDERS} builders, simulated"
    bound = "list scheduling by critical path"
    return Figure(title, [report.makespan * 1000], [report.bound * 1000], bound, Aim(ratio=1.1))


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
