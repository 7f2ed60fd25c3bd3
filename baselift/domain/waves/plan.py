"""The plan of a wave: who is rebuilt, after whom, why, and how long it takes. A value, to be shown or carried out."""

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from baselift.domain.waves.graph import Arc, Graph, Node

UNKNOWN = 60.0
"""Seconds that a task is taken to need which never ran."""


class Planned(NamedTuple):
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
    """Plan what the movement of some bases causes, in time and space linear in the tasks and edges that it reaches.

    Args:
        graph: the tasks that may be concerned.
        moved: canonical references of the bases that moved.
        roots: keys of the tasks to begin with; None for every task that uses a moved base.
    """
    images = dict.fromkeys(moved)
    planner = _Planner(graph, images, roots, frozenset())
    if len(planner.order) < len(planner.names):
        # Who looks for cycles looks at the whole graph: done only where something waits for itself.
        planner = _Planner(graph, images, roots, graph.closing)
    return planner.plan()


class _Planner:
    """One planning. Members are numbers, in the order in which they are found: lists are quicker than mappings."""

    def __init__(
        self, graph: Graph, moved: Mapping[str, None], roots: Collection[str] | None, closing: Collection[Arc]
    ) -> None:
        self._graph, self._moved, self._closing = graph, moved, closing
        self.names = [name for name in self._users() if roots is None or name in roots]
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._children = [self._found(name) for name in self.names]
        self._parents = self._turned()
        self._levels = [0] * len(self.names)
        self.order = self._ordered()
        """Members, parents first; those on a cycle, and behind one, are missing."""

    def plan(self) -> Plan:
        nodes = [self._graph.nodes[name] for name in self.names]
        self._seconds = [node.seconds or UNKNOWN for node in nodes]
        self._moving = {*self._moved, *(image for node in nodes for image in node.outputs)}
        self._ranks = self._ranked()
        self._sort()
        self._places = [0] * len(self.names)
        for place, number in enumerate(self.order):
            self._places[number] = place
        # Made as they were found, since who is near in memory is quicker to read, and then put in order.
        made = [self._member(number) for number in range(len(self.names))]
        return Plan(tuple(self._moved), tuple([made[number] for number in self.order]))

    def _sort(self) -> None:
        """By level, the longest way first: the order in which a person reads it, and in which builders take it.

        A sort that keeps the order of equals, by one plain value each, is quicker than one by all three together.
        """
        self.order.sort(key=self.names.__getitem__)
        self.order.sort(key=self._ranks.__getitem__, reverse=True)
        self.order.sort(key=self._levels.__getitem__)

    def _users(self) -> Iterable[str]:
        """Tasks that use a moved base, but not over an edge that closes a cycle."""
        return dict.fromkeys(
            user
            for image in self._moved
            for user in self._graph.users(image)
            if not any((producer, user) in self._closing for producer in self._graph.producers(image))
        )

    def _found(self, name: str) -> Sequence[int]:
        """The children of a member; those that are new become members, and are looked at in their turn."""
        found = []
        for child in self._graph.children(name):
            if (name, child) not in self._closing:
                number = self._numbers.setdefault(child, len(self.names))
                if number == len(self.names):
                    self.names.append(child)
                found.append(number)
        return found

    def _turned(self) -> Sequence[Sequence[int]]:
        parents: list[list[int]] = [[] for _ in self.names]
        for number, children in enumerate(self._children):
            for child in children:
                parents[child].append(number)
        return parents

    def _ordered(self) -> list[int]:
        """Parents first, level by level (Kahn 1962): the last parent that is found is of the highest level."""
        left = [len(parents) for parents in self._parents]
        order = [number for number, count in enumerate(left) if not count]
        for number in order:
            for child in self._children[number]:
                left[child] -= 1
                if not left[child]:
                    self._levels[child] = self._levels[number] + 1
                    order.append(child)
        return order

    def _ranked(self) -> Sequence[float]:
        ranks = list(self._seconds)
        for number in reversed(self.order):
            if self._children[number]:
                ranks[number] += max([ranks[child] for child in self._children[number]])
        return ranks

    def _member(self, number: int) -> Planned:
        name = self.names[number]
        node = self._graph.nodes[name]
        return Planned(
            name,
            node.registry,
            node.task,
            self._levels[number],
            self._at(self._parents[number]),
            self._at(self._children[number]),
            tuple(self._causes(node)),
            self._seconds[number],
            self._ranks[number],
        )

    def _at(self, numbers: Sequence[int]) -> Sequence[int]:
        """The places of some members, in their order."""
        return tuple(sorted([self._places[number] for number in numbers]))

    def _causes(self, node: Node) -> Iterable[str]:
        """What moved of what the task uses."""
        found = dict.fromkeys([use.image for use in node.uses if use.follows and use.image in self._moving])
        return [image for image in found if self._reaches(image, node.key)] if self._closing else found

    def _reaches(self, image: str, user: str) -> bool:
        """Whether the image moved, or one of its producers is a parent of its user: an edge of a cycle may be none."""
        producers = [name for name in self._graph.producers(image) if name in self._numbers]
        return image in self._moved or any((name, user) not in self._closing for name in producers)


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
