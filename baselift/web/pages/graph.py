"""Bases and tasks as a picture, whole or around one of them, and what a movement would cause."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from baselift.app.waves.preview import Preview
from baselift.domain.waves import graph
from baselift.domain.waves.graph import Graph
from baselift.web.layout import HEIGHT, WIDTH, Arc, lay_out
from baselift.web.values import duration, local, named

MOST, NEAR = 400, 80
"""Nodes of one picture, and tasks around one in a registry that has more: of those a part is to be chosen."""
LEVEL = 50
"""Tasks of one level that a preview names."""
_WORDS = {"base": "base image", "good": "current", "stale": "stale", "failed": "failing"}
_LETTERS, _SMALL_LETTERS = 23, 28
"""That fit on a node's two lines."""


@dataclass(frozen=True, slots=True)
class Node:
    """A base image or a task."""

    key: str
    """Reference of the image, or name of the task, with its registry where that is another one."""
    task: str
    """Empty for a base that no task pushes."""
    where: str
    """Name of the task's registry."""
    label: str
    under: str
    state: str
    """`base`, `good`, `stale` or `failed`."""
    x: float = 0
    y: float = 0
    lit: bool = False
    cut: str = ""
    """The whole text, where it does not fit."""

    @property
    def word(self) -> str:
        """The state, said to those who do not see it."""
        return _WORDS[self.state]


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


@dataclass(frozen=True, slots=True)
class Seen:
    """What is to be drawn: a registry's tasks, or those around one."""

    graph: Graph
    registry: str
    home: str
    """Address of the registry, which is left out before its images."""
    stale: Collection[str]
    """Names of the tasks that a movement concerns."""
    failed: Collection[str]
    """Names of the tasks whose last run failed."""
    whole: bool = True
    """False where there is more than `graph` has."""


def view(seen: Seen, *, asked: str, query: str) -> dict[str, Any]:
    """What the graph's page shows.

    Args:
        seen: what there is to draw.
        asked: name of the task, or reference of the image, to show with what it is built on and what is built on it;
            empty for all.
        query: a part of the names to light up.
    """
    nodes, links = _parts(seen)
    focus = _focus(seen, nodes, asked)
    lit = [key for key in nodes if query and query.lower() in f"{key} {nodes[key].under}".lower()]
    shown = list(_around(focus, links) if focus else nodes)
    picture = _drawn({key: nodes[key] for key in sorted(shown[:MOST])}, links, lit)
    return picture | {
        "focus": focus,
        "missing": "" if focus else asked,
        "whole": seen.whole and len(shown) <= MOST,
        "node_width": WIDTH,
        "node_height": HEIGHT,
        "cycles": [" → ".join(seen.graph.nodes[name].task for name in cycle.path) for cycle in seen.graph.cycles],
    }


def _focus(seen: Seen, nodes: Collection[str], asked: str) -> str:
    """The node that is asked for: an image that a task pushes is that task."""
    for maker in seen.graph.producers(asked):
        return _label(seen, seen.graph.nodes[maker])
    return next((key for key in nodes if key.lower() == asked.lower()), "")


def foretold(found: Preview, registry: str) -> dict[str, Any]:
    """What a movement of an image would cause, level by level."""
    plan = found.plan
    critical = set(plan.critical)
    levels: list[list[dict[str, Any]]] = [[] for _ in range(plan.levels)]
    for number, member in enumerate(plan.members):
        levels[member.level].append(
            {
                "task": member.task,
                "label": named(member.registry, member.task, registry),
                "where": member.registry,
                "took": duration(member.seconds),
                "critical": number in critical,
            }
        )
    shown = [level[:LEVEL] for level in levels]
    more = [len(level[LEVEL:]) for level in levels]
    return {
        "image": found.image,
        "levels": list(zip(shown, more, strict=True)),
        "count": len(plan.members),
        "took": duration(found.seconds),
    }


def _parts(seen: Seen) -> tuple[dict[str, Node], dict[Arc, _Link]]:
    nodes: dict[str, Node] = {}
    links: dict[Arc, _Link] = {}
    for name in sorted(seen.graph.nodes):
        task = seen.graph.nodes[name]
        here = _label(seen, task)
        nodes[here] = _node(seen, task)
        for use in task.uses:
            makers = [seen.graph.nodes[maker] for maker in seen.graph.producers(use.image)]
            if not makers:
                nodes.setdefault(use.image, _base(use.image, seen.home))
            for tail in [_label(seen, maker) for maker in makers] or [use.image]:
                if tail != here and not any((maker.key, name) in seen.graph.closing for maker in makers):
                    old = links.get(Arc(tail, here))
                    links[Arc(tail, here)] = _Link(_first(old, use.kind), use.follows or bool(old and old.follows))
    return nodes, links


def _label(seen: Seen, task: graph.Node) -> str:
    return named(task.registry, task.task, seen.registry)


def _node(seen: Seen, task: graph.Node) -> Node:
    label, under = _label(seen, task), local(task.outputs[0], seen.home) if task.outputs else ""
    state = "failed" if label in seen.failed else "stale" if label in seen.stale else "good"
    return _made(Node(label, task.task, task.registry, label, under, state))


def _first(old: "_Link | None", kind: str) -> str:
    return "Runtime" if kind == "Runtime" or (old is not None and old.kind == "Runtime") else kind


def _base(image: str, home: str) -> Node:
    where, _, rest = local(image, home).rpartition("/")
    return _made(Node(image, "", "", rest, where, "base"))


def _made(node: Node) -> Node:
    """The node with what fits of its texts."""
    label, under = _cut(node.label, _LETTERS), _cut(node.under, _SMALL_LETTERS)
    cut = "" if (label, under) == (node.label, node.under) else f"{node.label} {node.under}"
    return replace(node, label=label, under=under, cut=cut)


def _around(key: str, links: Iterable[Arc]) -> dict[str, None]:
    """The node, all it is built on, and all that is built on it, the nearest first."""
    after: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    for arc in links:
        after.setdefault(arc.tail, []).append(arc.head)
        before.setdefault(arc.head, []).append(arc.tail)
    return _reached(key, before) | _reached(key, after)


def _reached(key: str, near: Mapping[str, Sequence[str]]) -> dict[str, None]:
    """What can be reached, the nearest first."""
    found, ahead = {key: None}, [key]
    for each in ahead:
        for other in near.get(each, ()):
            if other not in found:
                found[other] = None
                ahead.append(other)
    return found


def _drawn(nodes: Mapping[str, Node], links: Mapping[Arc, _Link], found: Collection[str]) -> dict[str, Any]:
    arcs = [arc for arc in links if arc.tail in nodes and arc.head in nodes]
    picture = lay_out(list(nodes), arcs)
    placed = [
        replace(node, x=picture.nodes[key].x, y=picture.nodes[key].y, lit=key in found) for key, node in nodes.items()
    ]
    edges = [
        Edge(path, links[arc].kind.lower(), links[arc].follows, arc.tail, arc.head)
        for arc, path in picture.paths.items()
    ]
    return {"nodes": placed, "edges": edges, "width": picture.width, "height": picture.height}


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
