"""One task: what it stands on, what it did, what starts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baselift.app.edge_states import TaskEdges
from baselift.app.reasons import Reason
from baselift.app.task_rows import StoredTask
from baselift.domain import schedules, tasks
from baselift.domain.runs import Run
from baselift.web.pages import runs
from baselift.web.pages.edges import edge, standing
from baselift.web.values import Chip, Moment, moment

_FILE = {"Docker": "dockerFilePath", "FileTask": "taskFilePath"}


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts runs of the task."""

    name: str
    kind: str
    text: str
    on: bool
    next: Moment | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Why the task was, or was not, built when a base moved."""

    chip: Chip
    rule: str
    text: str
    base: str
    before: str
    after: str
    at: Moment | None
    count: int
    source: str
    run: str
    wave: str


def view(
    task: StoredTask, edges: TaskEdges, history: Sequence[Run], reasons: Sequence[Reason], now: datetime
) -> dict[str, Any]:
    """What the task's page shows. `history`: its runs, newest first."""
    step, properties = tasks.step(task.document), task.document["properties"]
    shown = [edge(state) for state in edges.edges]
    return {
        "task": task.name,
        "enabled": tasks.enabled(task.document),
        "chip": standing(task, edges, next((run for run in history if run.status.final), None)),
        "edges": shown,
        "moved": [each for each in shown if each.moved],
        "found": moment(edges.found),
        "problem": edges.problem,
        "advice": edges.advice,
        "rows": runs.rows(history, now),
        "triggers": triggers(properties.get("trigger") or {}, now),
        "decisions": [decision(reason) for reason in reasons],
        "context": step.get("contextPath") or "",
        "file": step.get(_FILE.get(step.get("type", ""), ""), "") or "",
        "step": step.get("type", "") or "system task",
        "images": list(step.get("imageNames") or ()),
        "platform": tasks.platform(properties),
        "timeout": properties.get("timeout"),
    }


def triggers(given: Mapping[str, Any], now: datetime) -> list[Trigger]:
    """Everything that can start the task, the base image trigger first, also where it is absent."""
    base = given.get("baseImageTrigger")
    kinds = {"Runtime": "when a runtime base image moves", "All": "when any base image moves"}
    text = (
        kinds.get((base or {}).get("baseImageTriggerType", "Runtime"), "") if base else "none: bases are not followed"
    )
    found = [Trigger((base or {}).get("name", ""), "Base image", text, on=_on(base))]
    for source in given.get("sourceTriggers") or ():
        events = " and ".join(source.get("sourceTriggerEvents") or ())
        repository = source.get("sourceRepository") or {}
        where = f"{repository.get('repositoryUrl', '')}#{repository.get('branch') or 'default branch'}"
        found.append(Trigger(source.get("name", ""), "Git", f"{events} in {where}", on=_on(source)))
    for timer in given.get("timerTriggers") or ():
        upcoming = schedules.parse(timer["schedule"]).after(now) if _on(timer) else None
        found.append(
            Trigger(timer.get("name", ""), "Timer", f"{timer['schedule']} (UTC)", on=_on(timer), next=moment(upcoming))
        )
    return found


def decision(reason: Reason) -> Decision:
    """A decision as it is shown."""
    return Decision(
        chip=Chip("good", "built") if reason.fire else Chip("off", "not built"),
        rule=reason.rule,
        text=reason.text,
        base=reason.base,
        before=reason.before,
        after=reason.after,
        at=moment(reason.last),
        count=reason.count,
        source=reason.source,
        run=reason.run,
        wave=reason.wave,
    )


def _on(trigger: Mapping[str, Any] | None) -> bool:
    return bool(trigger) and (trigger or {}).get("status", "Enabled") == "Enabled"
