"""One run: why it exists, how far it is, what came of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baselift.app.reasons import Reason
from baselift.domain.runs import Run, Status
from baselift.web.pages import runs
from baselift.web.values import Chip, duration, moment

_BEGUN = re.compile(r"Executing step ID: (?P<step>[^\s.]+)")
_ENDED = re.compile(
    r"Step ID: (?P<step>\S+) (?:marked as (?P<word>\w+)(?: \(elapsed time in seconds: (?P<seconds>[0-9.]+)\))?"
    r"|(?P<failed>failed): .*)"
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stretch of the run's time; `share` is its part of the whole, in percent."""

    name: str
    chip: Chip
    took: str
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Moved:
    """A base that moved and so caused the run."""

    base: str
    before: str
    after: str


def view(run: Run, told: Sequence[Reason], now: datetime) -> dict[str, Any]:
    """What the run's page shows, besides its log. `told`: the decisions about its task."""
    before = {reason.base: reason.before for reason in told if reason.run == run.id}
    bases = [{"kind": use.kind, "base": use.image.reference, "digest": use.image.digest or ""} for use in run.bases]
    return {
        "run": run.id,
        "task": run.task or "",
        "chip": runs.chip(run),
        "over": run.status.final,
        "can_cancel": not run.status.final and not run.cancel_requested,
        "reason": runs.reason(run.cause),
        "kind": run.cause.kind,
        "details": {name: text for name, text in run.cause.details.items() if text},
        "moved": [Moved(i.reference, before.get(i.reference, ""), i.digest or "") for i in run.cause.images],
        "created": moment(run.created),
        "started": moment(run.started),
        "finished": moment(run.finished),
        "took": runs.took(run, now),
        "wave": next((reason.wave for reason in told if reason.run == run.id and reason.wave), ""),
        "error": run.error or "",
        "outputs": [{"image": image.reference, "digest": image.digest or ""} for image in run.outputs],
        "bases": bases,
        "commit": run.commit or "",
        "attempt": run.attempt,
        "platform": runs.row(run, now).platform,
        "pool": run.agent_pool or "",
        "source": str(run.request.get("sourceLocation") or ""),
        "stages": phases(run, now),
    }


def phases(run: Run, now: datetime) -> list[Stage]:
    """Waiting and running, in proportion."""
    waited = ((run.started or run.finished or now) - run.created).total_seconds()
    worked = ((run.finished or now) - run.started).total_seconds() if run.started else 0.0
    whole = max(waited + worked, 0.001)
    found = [Stage("Queued", Chip("wait", "waited"), duration(waited), 100 * waited / whole)]
    if run.started:
        found.append(Stage(_VERB.get(run.status, "Ran"), runs.chip(run), duration(worked), 100 * worked / whole))
    return found


_VERB = {Status.RUNNING: "Running", Status.STARTED: "Starting"}


def steps(lines: Sequence[str]) -> list[Stage]:
    """The steps of a task file as its log tells of them, in their order."""
    found: dict[str, Stage] = {}
    for line in lines:
        if begun := _BEGUN.match(line):
            found[begun["step"]] = Stage(begun["step"], Chip("busy", "running"), "")
        elif ended := _ENDED.match(line):
            word = ended["word"] or "failed"
            took = duration(float(ended["seconds"])) if ended["seconds"] else ""
            tone = {"successful": "good", "failed": "bad"}.get(word, "off")
            found[ended["step"]] = Stage(ended["step"], Chip(tone, word), took)
    return list(found.values())
