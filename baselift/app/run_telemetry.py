"""What is told of a run: that it began, and how it ended. Told by whoever's write of the run's row made it so."""

from datetime import datetime

from baselift.app.telemetry import Telemetry
from baselift.domain.runs import Run, Status


def changed(telemetry: Telemetry, before: Run, after: Run) -> None:
    """Tell what a committed change of a run's row means."""
    if after.started is not None and before.started is None:
        telemetry.record("baselift.run.wait", _seconds(after.created, after.started), reason=after.cause.kind)
    if after.status.final and not before.status.final:
        _ended(telemetry, after)


def _ended(telemetry: Telemetry, run: Run) -> None:
    began = run.started or run.created
    finished, status, reason = run.finished or began, run.status.value, run.cause.kind
    telemetry.record("baselift.runs", registry=run.registry, status=status, reason=reason)
    telemetry.record("baselift.run.duration", _seconds(began, finished), status=status, reason=reason)
    if run.status is Status.SUCCEEDED and reason == "image" and run.cause.at:
        telemetry.record("baselift.push.rebuilt", _seconds(datetime.fromisoformat(run.cause.at), finished))
    attributes: dict[str, str | float] = {
        "baselift.registry": run.registry,
        "baselift.run": run.id,
        "baselift.task": run.task or "",
        "baselift.status": status,
        "baselift.reason": reason,
        "baselift.attempts": run.attempt,
        "baselift.wait": _seconds(run.created, began),
    }
    if reason == "image":
        attributes["baselift.wave"] = run.cause.key.partition("/")[0]
    failed = run.status is not Status.SUCCEEDED
    telemetry.past("run", run.trace, (began, finished), failed=failed, attributes=attributes)


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())
