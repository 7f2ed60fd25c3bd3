"""A directed graph as layers from left to right: the same graph always gives the same picture.

Layers by longest path, long edges by way of invisible nodes, fewer crossings by barycenters (Sugiyama, Tagawa and
Toda 1981), places by the mean of the neighbours, as far as neighbours in the layer leave room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

WIDTH, HEIGHT = 196, 40
"""Of a node, in pixels."""
ACROSS, DOWN, NARROW = 84, 12, 8
"""Between layers, between nodes of a layer, and beside an edge that passes through a layer."""
TALLEST = 48
"""Nodes of one column; a layer with more is folded into several."""
MARGIN = 24
_SWEEPS, _PULLS = 6, 6


@dataclass(frozen=True, slots=True)
class Arc:
    """An edge, from the base to what is built on it."""

    tail: str
    head: str


@dataclass(frozen=True, slots=True)
class Place:
    """The upper left corner of a node."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Picture:
    """Where everything is."""

    width: float
    height: float
    nodes: Mapping[str, Place]
    paths: Mapping[Arc, str]
    """SVG path data of each edge."""


@dataclass(slots=True)
class _Work:
    """Nodes and the invisible ones between them, layer by layer."""

    rows: list[list[str]]
    real: frozenset[str]
    before: dict[str, list[str]] = field(default_factory=dict)
    after: dict[str, list[str]] = field(default_factory=dict)
    chains: dict[Arc, list[str]] = field(default_factory=dict)


def lay_out(nodes: Sequence[str], arcs: Sequence[Arc]) -> Picture:
    """Place nodes and edges. Edges that close a cycle must not be among the arcs; those to unknown nodes neither."""
    layers = _layers(sorted(nodes), arcs)
    work = _woven(layers, sorted(set(arcs), key=lambda arc: (arc.tail, arc.head)))
    for sweep in range(_SWEEPS):
        _order(work, down=sweep % 2 == 0)
    middles = _middles(work)
    return _picture(work, middles)


def _layers(nodes: Sequence[str], arcs: Sequence[Arc]) -> dict[str, int]:
    """Longest path from the left; what has nothing before it moves right, next to the first that needs it."""
    heads: dict[str, list[str]] = {name: [] for name in nodes}
    waiting = dict.fromkeys(nodes, 0)
    for arc in set(arcs):
        heads[arc.tail].append(arc.head)
        waiting[arc.head] += 1
    roots = [name for name in nodes if not waiting[name]]
    layer, order = dict.fromkeys(nodes, 0), list(roots)
    for name in order:
        for head in heads[name]:
            layer[head] = max(layer[head], layer[name] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                order.append(head)
    for name in roots:
        if heads[name]:
            layer[name] = min(layer[head] for head in heads[name]) - 1
    return layer


def _woven(layers: Mapping[str, int], arcs: Sequence[Arc]) -> _Work:
    work = _Work([[] for _ in range(max(layers.values(), default=-1) + 1)], frozenset(layers))
    for name, layer in layers.items():
        work.rows[layer].append(name)
    for arc in arcs:
        chain = [arc.tail]
        for layer in range(layers[arc.tail] + 1, layers[arc.head]):
            # Edges of one base pass a layer together: one gap for all of them keeps the picture calm.
            between = f"\0{arc.tail}\0{layer}"
            if between not in work.before:
                work.rows[layer].append(between)
                work.before[between] = []
            chain.append(between)
        chain.append(arc.head)
        work.chains[arc] = chain
        for left, right in pairwise(chain):
            if right not in work.after.setdefault(left, []):
                work.after[left].append(right)
                work.before.setdefault(right, []).append(left)
    return work


def _order(work: _Work, *, down: bool) -> None:
    """One sweep: each layer in the order of the means of its neighbours in the layer before it."""
    rows = work.rows if down else work.rows[::-1]
    near = work.before if down else work.after
    place = {name: index / max(1, len(row) - 1) for row in rows for index, name in enumerate(row)}
    for row in rows:
        mean = {name: _mean([place[other] for other in near.get(name, ())], place[name]) for name in row}
        row.sort(key=lambda name: (mean[name], name))
        place |= {name: index / max(1, len(row) - 1) for index, name in enumerate(row)}


def _middles(work: _Work) -> dict[str, float]:
    """The height of each node's middle."""
    middle: dict[str, float] = {}
    for row in work.rows:
        at = 0.0
        for name in row:
            middle[name] = at + _tall(work, name) / 2
            at += _tall(work, name)
    for pull in range(_PULLS):
        near = work.before if pull % 2 == 0 else work.after
        for row in work.rows if pull % 2 == 0 else work.rows[::-1]:
            wanted = [_mean([middle[other] for other in near.get(name, ())], middle[name]) for name in row]
            middle |= dict(zip(row, _apart(wanted, [_tall(work, name) for name in row]), strict=True))
    return middle


def _apart(wanted: Sequence[float], tall: Sequence[float]) -> list[float]:
    """Heights as near to the wanted ones as the order and the nodes' sizes allow: blocks that touch move together."""
    blocks: list[tuple[float, int, list[int]]] = []
    offsets: list[float] = []
    at = 0.0
    for index, size in enumerate(tall):
        offsets.append(at + size / 2)
        at += size
        block = (wanted[index] - offsets[index], 1, [index])
        while blocks and blocks[-1][0] > block[0]:
            shift, count, members = blocks.pop()
            total = count + block[1]
            block = ((shift * count + block[0] * block[1]) / total, total, members + block[2])
        blocks.append(block)
    found = [0.0] * len(tall)
    for shift, _, members in blocks:
        for index in members:
            found[index] = offsets[index] + shift
    return found


def _tall(work: _Work, name: str) -> float:
    return HEIGHT + DOWN if name in work.real else NARROW


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _picture(work: _Work, middle: Mapping[str, float]) -> Picture:
    places: dict[str, Place] = {}
    left = float(MARGIN)
    for row in work.rows:
        left = _place_row(work, row, middle, left, places)
    top = min((place.y for place in places.values()), default=0.0) - MARGIN
    shifted = {name: Place(round(place.x, 1), round(place.y - top, 1)) for name, place in places.items()}
    paths = {arc: _path(work, [(name, shifted[name]) for name in chain]) for arc, chain in work.chains.items()}
    bottom = max((place.y for place in shifted.values()), default=0.0) + HEIGHT + MARGIN
    real = {name: place for name, place in shifted.items() if name in work.real}
    return Picture(max(left - ACROSS, WIDTH) + MARGIN, bottom, real, paths)


def _place_row(
    work: _Work, row: Sequence[str], middle: Mapping[str, float], left: float, places: dict[str, Place]
) -> float:
    """Place a layer at `left`, folded where it is too tall; where the next one begins."""
    real = [name for name in row if name in work.real]
    columns = max(1, -(-len(real) // TALLEST))
    if columns == 1:
        places |= {name: Place(left, middle[name] - (HEIGHT if name in work.real else 0) / 2) for name in row}
        return left + WIDTH + ACROSS
    center = _mean([middle[name] for name in real], 0.0)
    tall = -(-len(real) // columns)
    for index, name in enumerate(real):
        column, line = divmod(index, tall)
        y = center + (line - tall / 2) * (HEIGHT + DOWN)
        places[name] = Place(left + column * (WIDTH + ACROSS / 3), y)
    places |= {name: Place(left, center - tall / 2 * (HEIGHT + DOWN) - NARROW) for name in row if name not in work.real}
    return left + columns * (WIDTH + ACROSS / 3) - ACROSS / 3 + ACROSS


def _path(work: _Work, chain: Sequence[tuple[str, Place]]) -> str:
    """A curve from the tail's right side through the gaps to the head's left side."""
    (_, first), *_ = chain
    x, y = first.x + WIDTH, first.y + HEIGHT / 2
    parts = [f"M{x:g} {y:g}"]
    for name, place in chain[1:]:
        to_y = place.y + (HEIGHT / 2 if name in work.real else 0)
        bend = max(ACROSS / 2, (place.x - x) / 2) if place.x > x else ACROSS / 2
        parts.append(f"C{x + bend:g} {y:g} {place.x - bend:g} {to_y:g} {place.x:g} {to_y:g}")
        x, y = place.x, to_y
        if name not in work.real:
            parts.append(f"H{place.x + WIDTH:g}")
            x = place.x + WIDTH
    return "".join(parts)
