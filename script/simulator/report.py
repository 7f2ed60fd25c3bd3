"""What a simulation is watched for, by rules that know nothing of how waves are carried out; and what it came to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from baselift.app import gates, run_rows
from baselift.app.waves import wave_rows
from baselift.app.waves.advance import place_of
from baselift.app.world import World
from baselift.domain.runs import BaseUse, Run, Status
from baselift.domain.waves.graph import Graph, Node, Use
from baselift.domain.waves.plan import make_plan, makespan
from baselift.domain.waves.states import MemberState, WaveState
from simulator.graphs import Image, reference
from simulator.parts import Faults, Registry
from simulator.site import Stage, followed

if TYPE_CHECKING:
    from simulator.simulation import Options


@dataclass
class Report:
    """What a simulation came to; docs/waves.md and `script/simulate --help` explain the fields."""

    builds: int = 0
    expected: int = 0
    wasted: int = 0
    lost: int = 0
    violations: int = 0
    makespan: float = 0.0
    bound: float = 0.0
    critical_path: float = 0.0
    waves: int = 0
    failed_builds: int = 0
    resumes: int = 0
    seed: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    details: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Watch:
    """Sees what builders build on, and what the registry has."""

    def __init__(
        self,
        graph: Mapping[str, Image],
        staged: Stage,
        options: "Options",
        registry: Registry,
        affected: Collection[str],
    ) -> None:
        self._options, self._registry, self._affected = options, registry, affected
        self._bases = {name: followed(image, runtime_only=options.runtime_only) for name, image in graph.items()}
        self._built = {name: {base: staged.tags[reference(base)] for base, _ in graph[name].bases} for name in graph}
        self._committed = set[tuple[str, int]]()
        self._report = Report(expected=len(affected), seed=options.seed)
        self._predict(graph, staged)
        self.resumes = 0

    def _predict(self, graph: Mapping[str, Image], staged: Stage) -> None:
        nodes = [
            Node("r", name, (name,), [Use(base, "") for base in self._bases[name]], staged.seconds[name])
            for name in graph
        ]
        plan = make_plan(Graph(nodes), self._options.bases)
        self._report.critical_path = plan.seconds
        self._report.bound = makespan(plan, self._options.builders)

    def violation(self, text: str) -> None:
        """Something happened that must not."""
        self._report.violations += 1
        self._report.details.append(text)

    async def started(self, world: World, run: Run, pins: Sequence[BaseUse]) -> None:
        """A build begins, on these bases."""
        place = place_of(run.cause)
        if place is not None:
            member = await wave_rows.member(world, place.plan, place.number)
            for number in member.member.parents if member else ():
                parent = await wave_rows.member(world, place.plan, number)
                if parent is None or not parent.member.state.passed:
                    self.violation(f"{run.task} was built before {parent and parent.member.task}, its parent")
        if not self._options.moves:
            stale = [base for base in self._bases[run.task or ""] if not self._fresh(base)]
            if stale:
                self.violation(f"{run.task} was built on {', '.join(stale)}, still to be built")
        self._pins_are_read(run, pins)

    def _pins_are_read(self, run: Run, pins: Sequence[BaseUse]) -> None:
        if len(pins) != len(self._built[run.task or ""]):
            self.violation(f"{run.task} was built on {len(pins)} bases")

    def _fresh(self, name: str) -> bool:
        """Whether an image, and all that it is built on, was built on what its bases are now."""
        if name not in self._affected:
            return True
        built = self._built[name]
        bases = self._bases[name]
        return all(built[base] == self._registry.tags[reference(base)] and self._fresh(base) for base in bases)

    def committed(self, run: Run, seconds: float) -> None:
        """A build ended, and counts."""
        if run.status is not Status.SUCCEEDED:
            self._report.failed_builds += 1
            return
        self._report.builds += 1
        self._report.makespan = seconds
        place = place_of(run.cause)
        if place is not None:
            if (place.plan, place.number) in self._committed:
                self.violation(f"{run.task} was built twice in one wave")
            self._committed.add((place.plan, place.number))
        now = {base: self._pinned(run, base) for base in self._built[run.task or ""]}
        if now == self._built[run.task or ""]:
            self._report.wasted += 1
            self._report.details.append(f"{run.task} was built again on the same bases")
        self._built[run.task or ""] = now

    def _pinned(self, run: Run, base: str) -> str:
        return next(use.image.digest or "" for use in run.bases if use.image.reference == reference(base))

    async def unfinished(self, world: World, plan: str) -> bool:
        """Whether something failed in a wave, and nobody goes on with it."""
        stored = await wave_rows.tally(world, plan)
        if stored is None or stored.tally.state is WaveState.CANCELED:
            return False
        async for each in wave_rows.members(world, plan):
            if each.member.state in (MemberState.FAILED, MemberState.HELD):
                return True
        return stored.tally.state is WaveState.HALTED

    async def end(self, world: World, seconds: float) -> None:
        """Nothing more happens: what is left undone?"""
        for name, bases in self._bases.items():
            behind = [base for base in bases if self._built[name][base] != self._registry.tags[reference(base)]]
            if behind:
                self._report.lost += 1
                self._report.details.append(f"{name} was not built on the newest {', '.join(behind)}")
        for table in (run_rows.ACTIVE, wave_rows.ACTIVE, gates.GATES):
            if left := [row async for row in world.tables.query(table)]:
                self.violation(f"{len(left)} rows are left in '{table}' after {seconds:.0f} s")
        async for wave in wave_rows.newest(world):
            self._report.waves += 1
            tally = await wave_rows.tally(world, wave.plan)
            if tally is None or not tally.tally.over:
                self.violation(f"wave {wave.id} does not end: {tally and tally.tally}")
        if not self._options.moves and self._report.builds > self._report.expected:
            self.violation(f"{self._report.builds} builds, where {self._report.expected} do")

    def report(self, faults: Faults) -> Report:
        """What it came to."""
        self._report.faults = dict(sorted(faults.counted.items()))
        self._report.resumes = self.resumes
        return self._report
