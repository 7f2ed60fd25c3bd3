"""The graph of tasks: a task whose output is another's base is that task's parent.

An edge that closes a cycle never fires. Which edge of a cycle that is depends on the cycle alone, not on where a walk
over the graph began: otherwise two waves could drive each other round for ever.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

Arc = tuple[str, str]
"""Keys of a parent and its child."""


@dataclass(frozen=True, slots=True)
class Use:
    """A base that a task names."""

    image: str
    """Canonical reference."""
    kind: str
    """`Runtime` or `Buildtime`."""
    follows: bool = True
    """Whether a movement of the base rebuilds the task, as its trigger and the edge's policy say."""


@dataclass(frozen=True, slots=True)
class Node:
    """A task."""

    registry: str
    task: str
    outputs: Sequence[str]
    """Canonical references of the tags that the task is known to move."""
    uses: Sequence[Use]
    seconds: float = 0.0
    """How long its last run took; 0 when it never ran."""

    @property
    def key(self) -> str:
        """What tells the task from every other."""
        return key(self.registry, self.task)

    @property
    def followed(self) -> Iterable[str]:
        """The images whose movements rebuild the task, each once."""
        return dict.fromkeys([use.image for use in self.uses if use.follows])


@dataclass(frozen=True, slots=True)
class Cycle:
    """A way from a task back to itself."""

    path: Sequence[str]
    """Keys, the first again at the end; the last step is the edge that never fires."""

    @property
    def closing(self) -> Arc:
        """The edge that never fires."""
        return self.path[-2], self.path[-1]


def key(registry: str, task: str) -> str:
    """Key of a task: names are case-insensitive."""
    return f"{registry.lower()}/{task.lower()}"


class Graph:
    """Tasks and the edges between them, in time and space linear in both."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.nodes: Mapping[str, Node] = {node.key: node for node in nodes}
        self._producers: dict[str, list[str]] = {}
        self._users: dict[str, list[str]] = {}
        for name, node in self.nodes.items():
            for image in node.outputs:
                self._producers.setdefault(image, []).append(name)
            for image in node.followed:
                self._users.setdefault(image, []).append(name)

    def users(self, image: str) -> Sequence[str]:
        """Tasks that a movement of the image rebuilds, by configuration."""
        return self._users.get(image, ())

    def producers(self, image: str) -> Sequence[str]:
        """Tasks that move the image."""
        return self._producers.get(image, ())

    def children(self, name: str) -> Sequence[str]:
        """Tasks that are based on what this one pushes, over edges that may close a cycle too."""
        outputs = self.nodes[name].outputs
        if len(outputs) == 1:
            return self.users(outputs[0])
        return list(dict.fromkeys(user for image in outputs for user in self.users(image)))

    @cached_property
    def cycles(self) -> Sequence[Cycle]:
        """A cycle for each edge that closes one, by name."""
        left = _behind_cycles(self)
        return tuple(cycle for group in _components(self, left) for cycle in _cycles_in(self, group))

    @cached_property
    def closing(self) -> frozenset[Arc]:
        """The edges that never fire because they close a cycle."""
        return frozenset(cycle.closing for cycle in self.cycles)


@dataclass(slots=True)
class _Visit:
    """Tarjan's bookkeeping of one task."""

    index: int
    low: int
    rest: Iterator[str]
    on_stack: bool = True


def _behind_cycles(graph: Graph) -> list[str]:
    """Tasks on a cycle or behind one: what is left when tasks without parents are taken away, again and again."""
    parents = dict.fromkeys(graph.nodes, 0)
    for name in graph.nodes:
        for child in graph.children(name):
            parents[child] += 1
    free = [name for name, count in parents.items() if not count]
    for name in free:
        for child in graph.children(name):
            parents[child] -= 1
            if not parents[child]:
                free.append(child)
    return sorted(name for name, count in parents.items() if count)


def _components(graph: Graph, roots: Sequence[str]) -> Iterator[list[str]]:
    """Strongly connected components that hold a cycle (Tarjan 1972, without recursion)."""
    visits: dict[str, _Visit] = {}
    for root in roots:
        if root not in visits:
            yield from _components_from(graph, root, visits)


def _components_from(graph: Graph, root: str, visits: dict[str, _Visit]) -> Iterator[list[str]]:
    visits[root] = _Visit(len(visits), len(visits), iter(graph.children(root)))
    stack, path = [root], [root]
    while path:
        visit = visits[path[-1]]
        for child in visit.rest:
            known = visits.get(child)
            if known is None:
                visits[child] = _Visit(len(visits), len(visits), iter(graph.children(child)))
                stack.append(child)
                path.append(child)
                break
            if known.on_stack:
                visit.low = min(visit.low, known.index)
        else:
            name = path.pop()
            if path:
                above = visits[path[-1]]
                above.low = min(above.low, visit.low)
            if visit.low == visit.index:
                group = _popped(stack, name, visits)
                if len(group) > 1 or name in graph.children(name):
                    yield sorted(group)


def _popped(stack: list[str], name: str, visits: dict[str, _Visit]) -> list[str]:
    """Take the component of `name` off the stack: everything above it."""
    group: list[str] = []
    while not group or group[-1] != name:
        group.append(stack.pop())
        visits[group[-1]].on_stack = False
    return group


def _cycles_in(graph: Graph, group: list[str]) -> Iterator[Cycle]:
    """The edges back to a task on the way, walking a component depth first and by name from its first task."""
    inside, seen = set(group), set[str]()
    for root in group:
        if root in seen:
            continue
        seen.add(root)
        path, rest = [root], [_inside(graph, root, inside)]
        while path:
            child = next(rest[-1], None)
            if child is None:
                path.pop()
                rest.pop()
            elif child in path:
                yield Cycle((*path[path.index(child) :], child))
            elif child not in seen:
                seen.add(child)
                path.append(child)
                rest.append(_inside(graph, child, inside))


def _inside(graph: Graph, name: str, inside: set[str]) -> Iterator[str]:
    return iter(sorted(child for child in graph.children(name) if child in inside))
