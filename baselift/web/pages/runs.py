"""Runs as rows of lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baselift.app.list_runs import Page
from baselift.domain.runs import Cause, Run, Status
from baselift.web.values import Chip, Moment, count, duration, moment

FILTERS: dict[str, frozenset[Status]] = {
    "active": frozenset({Status.QUEUED, Status.STARTED, Status.RUNNING}),
    "failed": frozenset({Status.FAILED, Status.ERROR, Status.TIMEOUT}),
    "succeeded": frozenset({Status.SUCCEEDED}),
    "canceled": frozenset({Status.CANCELED}),
}
"""What the list of runs can be cut down to."""
_TONES = {
    Status.QUEUED: "wait",
    Status.STARTED: "busy",
    Status.RUNNING: "busy",
    Status.SUCCEEDED: "good",
    Status.CANCELED: "off",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One run in a list."""

    id: str
    task: str
    """Empty for an ad hoc run."""
    chip: Chip
    reason: str
    trigger: str
    """As `az acr task list-runs` prints it."""
    at: Moment | None
    took: str
    platform: str


def chip(run: Run) -> Chip:
    """The run's state."""
    if run.cancel_requested and not run.status.final:
        return Chip("busy", "Canceling")
    return Chip(_TONES.get(run.status, "bad"), str(run.status))


def row(run: Run, now: datetime) -> Row:
    """A run in a list at the time `now`."""
    platform = run.request.get("platform") or {}
    return Row(
        id=run.id,
        task=run.task or "",
        chip=chip(run),
        reason=reason(run.cause),
        trigger=_TRIGGERS.get(run.cause.kind, "Manual"),
        at=moment(run.created),
        took=took(run, now),
        platform=f"{platform.get('os', 'linux')}/{platform.get('architecture', 'amd64')}",
    )


_TRIGGERS = {"image": "Image Update", "timer": "Timer", "source": "Git"}


def took(run: Run, now: datetime) -> str:
    """How long it ran, up to now where it still does."""
    if run.started is None:
        return ""
    return duration(((run.finished or now) - run.started).total_seconds())


def reason(cause: Cause) -> str:
    """Why a run exists, in a few words."""
    match cause.kind:
        case "image":
            names = [f"{image.repository}:{image.tag}" if image.tag else image.repository for image in cause.images]
            return f"{names[0]} moved" if len(names) == 1 else f"{count(len(names), 'base image')} moved"
        case "timer":
            return f"timer {cause.details.get('timerTriggerName', '')}".strip()
        case "source":
            pull = cause.details.get("pullRequestId")
            return f"pull request {pull}" if pull else f"commit {(cause.details.get('commitId') or '')[:10]}"
        case _:
            return "asked for by hand"


def listing(page: Page, now: datetime, *, chosen: str, task: str) -> dict[str, Any]:
    """The list of runs. `chosen` is one of `FILTERS` or empty; `below` is where the next page begins."""
    return {
        "rows": rows(page.runs, now),
        "filters": ["", *FILTERS],
        "chosen": chosen,
        "task": task,
        "below": page.below,
    }


def rows(runs: Sequence[Run], now: datetime) -> list[Row]:
    """Runs in a list at the time `now`."""
    return [row(run, now) for run in runs]
