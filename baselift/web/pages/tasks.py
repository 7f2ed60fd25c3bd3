"""The list of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baselift.web.pages import runs
from baselift.web.pages.edges import Edge, edge, standing
from baselift.web.reads import TaskSeen
from baselift.web.values import Chip

SIZE = 25
"""Tasks of one page."""


@dataclass(frozen=True, slots=True)
class Row:
    """One task in the list."""

    name: str
    chip: Chip
    edges: list[Edge]
    last: runs.Row | None


def wanted(names: Sequence[str], query: str, page: int) -> tuple[list[str], int]:
    """The names on a page of those that have the query in them, and how many have it."""
    found = [name for name in names if query.lower() in name.lower()]
    return found[(page - 1) * SIZE : page * SIZE], len(found)


def view(seen: Sequence[TaskSeen], total: int, query: str, page: int, now: datetime) -> dict[str, Any]:
    """What the list shows; `total` is how many there are on all pages."""
    return {
        "rows": [_row(each, now) for each in seen],
        "total": total,
        "query": query,
        "page": page,
        "pages": max(1, -(-total // SIZE)),
    }


def _row(seen: TaskSeen, now: datetime) -> Row:
    last = seen.history[0] if seen.history else None
    ended = last if last is not None and last.status.final else None
    return Row(
        name=seen.task.name,
        chip=standing(seen.task, seen.edges, ended),
        edges=[edge(each) for each in seen.edges.edges],
        last=runs.row(last, now) if last else None,
    )
