"""Graphs and plans as text that other tools draw: Mermaid flowcharts and Graphviz digraphs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """An arrow."""

    begin: str
    end: str
    broken: bool = False
    """An edge that closes a cycle, or that does not count."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes by key, with what is written on them, and arrows between them."""

    boxes: Mapping[str, str]
    lines: Sequence[Line]


def mermaid(drawing: Drawing) -> str:
    """A flowchart for Mermaid."""
    names = {key: f"n{number}" for number, key in enumerate(drawing.boxes)}
    boxes = [f'    {names[key]}["{_entities(label)}"]' for key, label in drawing.boxes.items()]
    lines = [f"    {names[line.begin]} {'-.->' if line.broken else '-->'} {names[line.end]}" for line in drawing.lines]
    return "\n".join(["flowchart LR", *boxes, *lines])


def dot(drawing: Drawing) -> str:
    """A digraph for Graphviz."""
    boxes = [f"  {_quoted(key)} [label={_quoted(label)}];" for key, label in drawing.boxes.items()]
    lines = [
        f"  {_quoted(line.begin)} -> {_quoted(line.end)}{' [style=dashed]' if line.broken else ''};"
        for line in drawing.lines
    ]
    return "\n".join(["digraph waves {", "  rankdir=LR;", "  node [shape=box];", *boxes, *lines, "}"])


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
