"""How everything stands: green when nothing needs a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baselift.domain.runs import Run, Status
from baselift.web.pages import runs, waves
from baselift.web.pages.edges import Edge, stale, standing
from baselift.web.reads import TaskSeen
from baselift.web.standing import SHOWN, BaseSeen, Standing, since
from baselift.web.values import Chip, Moment, count, moment

DAY = 24
"""Hours of which failures are shown."""
_FAILED = (Status.FAILED, Status.ERROR, Status.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Old:
    """A task whose image stands on an old base."""

    task: str
    chip: Chip
    edges: list[Edge]


@dataclass(frozen=True, slots=True)
class Watched:
    """A base that is watched."""

    base: str
    digest: str
    moved: Moment | None
    looked: Moment | None


def view(found: Standing, now: datetime, login_server: str) -> dict[str, Any]:
    """What the overview shows."""
    old = [Old(seen.task.name, _chip(seen), edges) for seen in found.unsettled if (edges := stale(seen.edges.edges))]
    failures = last_failures(found.recent, now)
    failing = len([run for run in failures if run.task])
    unread = [{"task": task.name, "problem": task.edges.problem} for task in found.unread]
    looked = max((seen.looked for seen in found.bases if seen.looked), default=None)
    return {
        "old": old,
        "more_old": found.more_unsettled,
        "failures": runs.rows(failures[:SHOWN], now),
        "more_failures": max(0, len(failures) - SHOWN),
        "unread": unread[:SHOWN],
        "waves": [wave for shown in found.waves if (wave := waves.row(shown, now)).going or wave.chip.tone == "bad"],
        "quiet": [f"{pause.registry} is left alone: {pause.text}" for pause in found.quiet if not pause.over(now)],
        "active": runs.rows(found.active, now),
        "more_active": found.more_active,
        "recent": runs.rows(found.recent[:SHOWN], now),
        "bases": [_watched(seen) for seen in found.bases[:SHOWN]],
        "more_bases": len(found.bases[SHOWN:]),
        "looked": moment(looked),
        "headline": headline(len(old) + found.more_unsettled, failing, len(unread), len(found.bases)),
        "good": not (old or found.more_unsettled or failing or unread),
        "login_server": login_server,
    }


def headline(old: int, failures: int, unread: int, bases: int) -> str:
    """The state of everything in one sentence."""
    parts = []
    if old:
        parts.append(f"{count(old, 'image')} on an old base")
    if failures:
        parts.append(f"{count(failures, 'task')} failing")
    if unread:
        parts.append(f"{count(unread, 'task')} with unknown bases")
    if parts:
        return ", ".join(parts)
    return "Every image is on its current base" if bases else "Nothing is watched yet"


def last_failures(recent: Sequence[Run], now: datetime) -> list[Run]:
    """Runs that failed in the last day, of each task only where none came after it that succeeded."""
    mended, found = set[str](), []
    for run in recent:
        if run.status is Status.SUCCEEDED and run.task:
            mended.add(run.task)
        elif run.status in _FAILED and (run.task is None or run.task not in mended):
            found.append(run)
            mended |= {run.task} if run.task else set()
    return since(found, now, DAY)


def _chip(seen: TaskSeen) -> Chip:
    return standing(seen.task, seen.edges, next((run for run in seen.history if run.status.final), None))


def _watched(seen: BaseSeen) -> Watched:
    stored = seen.base
    moved = moment(stored.moved) if stored.base.generation > 1 else None
    return Watched(str(stored.base.image), stored.base.digest, moved, moment(seen.looked))
