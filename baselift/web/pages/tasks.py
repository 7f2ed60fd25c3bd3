"""The list of tasks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baselift.app.edges import reference
from baselift.web.pages import runs
from baselift.web.pages.edges import judged
from baselift.web.standing import TaskListed
from baselift.web.values import Chip


@dataclass(frozen=True, slots=True)
class Row:
    """One task in the list."""

    name: str
    chip: Chip
    bases: list[str]
    last: runs.Row | None


def view(seen: Sequence[TaskListed], query: str, after: str, following: str, now: datetime) -> dict[str, Any]:
    """What the list shows: the tasks after one, `following` being after which the next page begins."""
    return {"rows": [_row(each, now) for each in seen], "query": query, "after": after, "next": following}


def _row(seen: TaskListed, now: datetime) -> Row:
    last = seen.history[0] if seen.history else None
    ended = last if last is not None and last.status.final else None
    return Row(
        name=seen.task.name,
        chip=judged(seen.task, ended, stale=seen.concerned),
        bases=[str(reference(use.image)) for use in seen.task.edges.bases],
        last=runs.row(last, now) if last else None,
    )
