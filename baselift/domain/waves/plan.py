"""The plan of a wave: who is rebuilt, after whom, why, and how long it takes. A value, to be shown or carried out."""

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from baselift.domain.waves.graph import Graph

UNKNOWN = 60.0
"""Seconds that a task is taken to need which never ran."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A member of a plan. Parents and children are numbers: places in `Plan.members`."""

    key: str
    registry: str
    task: str
    level: int
    """Longest way from a moved base: 0 for a member that waits for no other."""
    parents: Sequence[int]
    children: Sequence[int]
    causes: Sequence[str]
    """Canonical references: the moved bases it uses, and the outputs of its parents."""
    seconds: float
    """How long it takes, estimated."""
    rank: float
    """Seconds on the longest way from its start to the end of the wave."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Members in an order in which every parent precedes its children."""

    moved: Sequence[str]
    """Canonical references of the bases that moved."""
    members: Sequence[Planned]

    @property
    def levels(self) -> int:
        """How many members the longest chain has."""
        return max((member.level for member in self.members), default=-1) + 1

    @property
    def work(self) -> float:
        """Seconds of all members together."""
        return sum(member.seconds for member in self.members)

    @property
    def seconds(self) -> float:
        """Seconds that the wave needs however many builders there are."""
        return max((member.rank for member in self.members), default=0.0)

    @property
    def critical(self) -> Sequence[int]:
        """The members of the longest chain, by seconds."""
        chain: list[int] = []
        choice: Collection[int] = [number for number, member in enumerate(self.members) if not member.parents]
        while choice:
            chain.append(max(choice, key=lambda number: (self.members[number].rank, -number)))
            choice = self.members[chain[-1]].children
        return tuple(chain)


def make_plan(graph: Graph, moved: Collection[str], roots: Collection[str] | None = None) -> Plan:
    """Plan what the movement of some bases causes.

    Args:
        graph: the tasks that may be concerned.
        moved: canonical references of the bases that moved.
        roots: keys of the tasks to begin with; None for every task that uses a moved base.
    """
    return _Planner(graph, moved, roots).plan()


class _Planner:
    """One planning, step by step; each step is linear in tasks and edges."""

    def __init__(self, graph: Graph, moved: Collection[str], roots: Collection[str] | None) -> None:
        self._graph, self._moved = graph, tuple(dict.fromkeys(moved))
        self._roots = self._begin(roots)
        self._arcs = self._reach()
        self._parents = self._turned()

    def plan(self) -> Plan:
        order = self._order()
        levels, ranks = self._levels(order), self._ranks(order)
        # By level, the longest way first: the order in which a person reads it, and in which builders take it.
        order.sort(key=lambda name: (levels[name], -ranks[name], name))
        place = {name: number for number, name in enumerate(order)}
        members = tuple(self._member(name, place, levels, ranks) for name in order)
        return Plan(self._moved, members)

    def _begin(self, roots: Collection[str] | None) -> list[str]:
        """Tasks that use a moved base, but not over an edge that closes a cycle."""
        found = dict.fromkeys(
            user
            for image in self._moved
            for user in self._graph.users(image)
            if not any((producer, user) in self._graph.closing for producer in self._graph.producers(image))
        )
        return [name for name in found if roots is None or name in roots]

    def _reach(self) -> dict[str, Sequence[str]]:
        """Member -> its children, for all that is reached from the roots."""
        arcs: dict[str, Sequence[str]] = {}
        ahead = list(self._roots)
        while ahead:
            name = ahead.pop()
            if name not in arcs:
                arcs[name] = self._graph.firing(name)
                ahead += arcs[name]
        return arcs

    def _turned(self) -> dict[str, list[str]]:
        parents: dict[str, list[str]] = {name: [] for name in self._arcs}
        for name, children in self._arcs.items():
            for child in children:
                parents[child].append(name)
        return parents

    def _order(self) -> list[str]:
        """Parents first (Kahn 1962)."""
        open_parents = {name: len(parents) for name, parents in self._parents.items()}
        order = [name for name, count in open_parents.items() if not count]
        for name in order:
            for child in self._arcs[name]:
                open_parents[child] -= 1
                if not open_parents[child]:
                    order.append(child)
        return order

    def _levels(self, order: Sequence[str]) -> dict[str, int]:
        levels: dict[str, int] = {}
        for name in order:
            levels[name] = 1 + max((levels[parent] for parent in self._parents[name]), default=-1)
        return levels

    def _ranks(self, order: Sequence[str]) -> dict[str, float]:
        ranks: dict[str, float] = {}
        for name in reversed(order):
            ranks[name] = self._seconds(name) + max((ranks[child] for child in self._arcs[name]), default=0.0)
        return ranks

    def _seconds(self, name: str) -> float:
        return self._graph.nodes[name].seconds or UNKNOWN

    def _member(
        self, name: str, place: Mapping[str, int], levels: Mapping[str, int], ranks: Mapping[str, float]
    ) -> Planned:
        node = self._graph.nodes[name]
        return Planned(
            key=name,
            registry=node.registry,
            task=node.task,
            level=levels[name],
            parents=tuple(sorted(place[parent] for parent in self._parents[name])),
            children=tuple(sorted(place[child] for child in self._arcs[name])),
            causes=self._causes(name),
            seconds=self._seconds(name),
            rank=ranks[name],
        )

    def _causes(self, name: str) -> tuple[str, ...]:
        parents = set(self._parents[name])
        used = dict.fromkeys(use.image for use in self._graph.nodes[name].uses if use.follows)
        return tuple(
            image
            for image in used
            if image in self._moved_set or any(each in parents for each in self._graph.producers(image))
        )

    @cached_property
    def _moved_set(self) -> frozenset[str]:
        return frozenset(self._moved)


def makespan(plan: Plan, builders: int) -> float:
    """Seconds that a wave takes with so many builders when the member with the longest way is always taken first.

    List scheduling (Graham 1966) by critical path: at most twice the best there is, and seldom much more than it.
    """
    waiting = [len(member.parents) for member in plan.members]
    ready = [(-member.rank, number) for number, member in enumerate(plan.members) if not member.parents]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < builders:
            number = heapq.heappop(ready)[1]
            heapq.heappush(running, (now + plan.members[number].seconds, number))
        now, ended = heapq.heappop(running)
        for child in plan.members[ended].children:
            waiting[child] -= 1
            if not waiting[child]:
                heapq.heappush(ready, (-plan.members[child].rank, child))
    return now
