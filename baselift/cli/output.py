"""Print results as `az` does: json, table or tsv."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import click
from tabulate import tabulate

Document = dict[str, Any]
Columns = Callable[[Document], dict[str, str]]


def flat(document: Any) -> Document:
    """A resource with its properties beside its name, as az prints it."""
    fields = dict(document.as_dict() if hasattr(document, "as_dict") else document)
    return {**fields.pop("properties", {}), **fields}


def show(result: Document | Sequence[Document], form: str, columns: Columns) -> None:
    """Print one document or a list; `columns` gives a table's row."""
    rows = [result] if isinstance(result, dict) else list(result)
    if form == "json":
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    elif form == "tsv":
        for row in rows:
            click.echo("\t".join(columns(row).values()))
    elif rows:
        click.echo(tabulate([columns(row) for row in rows], headers="keys", tablefmt="simple", disable_numparse=True))


def run_columns(run: Document) -> dict[str, str]:
    """The seven columns of `az acr task list-runs`."""
    return {
        "RUN ID": run.get("runId") or "",
        "TASK": run.get("task") or "",
        "PLATFORM": (run.get("platform") or {}).get("os") or "",
        "STATUS": run.get("status") or "",
        "TRIGGER": _trigger(run),
        "STARTED": moment(run.get("startTime")),
        "DURATION": _duration(run.get("startTime"), run.get("finishTime")),
    }


def task_columns(task: Document) -> dict[str, str]:
    """The columns of `az acr task list`."""
    step = task.get("step") or {}
    return {
        "NAME": task.get("name") or "",
        "PLATFORM": (task.get("platform") or {}).get("os") or "",
        "STATUS": task.get("status") or "",
        "SOURCE REPOSITORY": step.get("contextPath") or "",
        "TRIGGERS": ", ".join(_triggers(task.get("trigger") or {})),
    }


def _trigger(run: Document) -> str:
    source = run.get("sourceTrigger") or {}
    if source.get("eventType"):
        return str(source["eventType"])
    if run.get("timerTrigger"):
        return "Timer"
    return "Image Update" if run.get("imageUpdateTrigger") else "Manual"


def _triggers(trigger: Document) -> list[str]:
    found = []
    if _enabled(trigger.get("baseImageTrigger")):
        found.append("BASE_IMAGE")
    if any(_enabled(each) for each in (trigger.get("sourceTriggers") or [])[:1]):
        found.append("SOURCE")
    if any(_enabled(each) for each in trigger.get("timerTriggers") or []):
        found.append("TIMER")
    return found


def _enabled(trigger: Document | None) -> bool:
    return bool(trigger) and str((trigger or {}).get("status", "")).lower() == "enabled"


def moment(text: str | None) -> str:
    """A time as tables show it, whole seconds of UTC."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%SZ") if text else ""


def _duration(start: str | None, finish: str | None) -> str:
    if not start or not finish:
        return ""
    seconds = int((datetime.fromisoformat(finish) - datetime.fromisoformat(start)).total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
