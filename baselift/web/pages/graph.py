"""Bases and tasks as a picture, whole or around one of them, and what a movement would cause."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselift.app.waves.preview import Preview
from baselift.domain.waves.graph import Graph
from baselift.web.layout import HEIGHT, WIDTH, Arc, lay_out
from baselift.web.values import duration, local

MOST = 400
"""Nodes of one picture; of a larger graph a part is to be chosen."""
_LETTERS, _SMALL_LETTERS = 23, 28
"""That fit on a node's two lines."""


@dataclass(frozen=True, slots=True)
class Node:
    """A base image or a task."""

    key: str
    """Reference of the image, or name of the task: what `focus` takes."""
    task: str
    """Empty for a base that no task here pushes."""
    label: str
    under: str
    state: str
    """`base`, `good`, `stale` or `failed`."""
    x: float = 0
    y: float = 0
    lit: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge as it is drawn."""

    path: str
    kind: str
    follows: bool
    tail: str
    head: str


@dataclass(frozen=True, slots=True)
class _Link:
    kind: str
    follows: bool


def view(
    graph: Graph, *, home: str, stale: Collection[str], failed: Collection[str], focus: str, query: str
) -> dict[str, Any]:
    """What the graph's page shows.

    Args:
        graph: the registry's tasks.
        home: address of the registry, which is left out before its images.
        stale: names of the tasks that stand on an old base.
        failed: names of the tasks whose last run failed.
        focus: key of the node to show with what it is built on and what is built on it; empty for all.
        query: a part of the names to look for.
    """
    nodes, links = _parts(graph, home, stale, failed)
    known = focus if focus in nodes else ""
    found = [key for key in nodes if query and query.lower() in f"{key} {nodes[key].under}".lower()]
    shown = _around(known, links) if known else set(nodes)
    too_many = len(shown) > MOST
    drawn = {} if too_many else {key: nodes[key] for key in sorted(shown)}
    picture = _drawn(drawn, links, found)
    return picture | {
        "focus": known,
        "missing": focus if focus and not known else "",
        "query": query,
        "found": [nodes[key] for key in found[:50]],
        "total": len(nodes),
        "too_many": too_many,
        "node_width": WIDTH,
        "node_height": HEIGHT,
        "bases": sorted(key for key, node in nodes.items() if not node.task),
        "cycles": [" → ".join(graph.nodes[name].task for name in cycle.path) for cycle in graph.cycles],
    }


def foretold(found: Preview) -> dict[str, Any]:
    """What a movement of an image would cause, level by level."""
    plan = found.plan
    critical = set(plan.critical)
    levels: list[list[dict[str, Any]]] = [[] for _ in range(plan.levels)]
    for number, member in enumerate(plan.members):
        levels[member.level].append(
            {"task": member.task, "took": duration(member.seconds), "critical": number in critical}
        )
    return {"image": found.image, "levels": levels, "count": len(plan.members), "took": duration(found.seconds)}


def _parts(
    graph: Graph, home: str, stale: Collection[str], failed: Collection[str]
) -> tuple[dict[str, Node], dict[Arc, _Link]]:
    nodes: dict[str, Node] = {}
    links: dict[Arc, _Link] = {}
    for name in sorted(graph.nodes):
        task = graph.nodes[name]
        state = "failed" if task.task in failed else "stale" if task.task in stale else "good"
        under = local(task.outputs[0], home) if task.outputs else ""
        nodes[task.task] = Node(task.task, task.task, _cut(task.task, _LETTERS), _cut(under, _SMALL_LETTERS), state)
        for use in task.uses:
            makers = [graph.nodes[maker].task for maker in graph.producers(use.image) if maker in graph.nodes]
            if not makers:
                nodes.setdefault(use.image, _base(use.image, home))
            for tail in makers or [use.image]:
                if tail != task.task and not _closes(graph, tail, name):
                    old = links.get(Arc(tail, task.task))
                    links[Arc(tail, task.task)] = _Link(_first(old, use.kind), use.follows or bool(old and old.follows))
    return nodes, links


def _closes(graph: Graph, tail: str, head: str) -> bool:
    return any(graph.nodes[first].task == tail and second == head for first, second in graph.closing)


def _first(old: "_Link | None", kind: str) -> str:
    return "Runtime" if kind == "Runtime" or (old is not None and old.kind == "Runtime") else kind


def _base(image: str, home: str) -> Node:
    where, _, rest = local(image, home).rpartition("/")
    return Node(image, "", _cut(rest, _LETTERS), _cut(where, _SMALL_LETTERS), "base")


def _around(key: str, links: Iterable[Arc]) -> set[str]:
    """The node, all it is built on, and all that is built on it."""
    after: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    for arc in links:
        after.setdefault(arc.tail, []).append(arc.head)
        before.setdefault(arc.head, []).append(arc.tail)
    return _reached(key, after) | _reached(key, before)


def _reached(key: str, near: Mapping[str, Sequence[str]]) -> set[str]:
    found, ahead = {key}, [key]
    while ahead:
        for other in near.get(ahead.pop(), ()):
            if other not in found:
                found.add(other)
                ahead.append(other)
    return found


def _drawn(nodes: Mapping[str, Node], links: Mapping[Arc, _Link], found: Collection[str]) -> dict[str, Any]:
    arcs = [arc for arc in links if arc.tail in nodes and arc.head in nodes]
    picture = lay_out(list(nodes), arcs)
    placed = [
        Node(n.key, n.task, n.label, n.under, n.state, picture.nodes[key].x, picture.nodes[key].y, lit=key in found)
        for key, n in nodes.items()
    ]
    edges = [
        Edge(path, links[arc].kind.lower(), links[arc].follows, arc.tail, arc.head)
        for arc, path in picture.paths.items()
    ]
    return {"nodes": placed, "edges": edges, "width": picture.width, "height": picture.height}


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
