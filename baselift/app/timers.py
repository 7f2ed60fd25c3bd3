"""Timer triggers: one run per occurrence, however many instances look; of missed occurrences the latest is caught up.

Each timer of a task has a row that says from when on its occurrences count. The run key holds the occurrence, and the
row moves on only after the run was asked for: a crash in between asks for the same run again.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from baselift.app import keys, task_rows
from baselift.app.ports import Row, Stale, Value
from baselift.app.request_run import Ask, request_run
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import requests, schedules, tasks
from baselift.domain.runs import Cause, Run

TIMERS = "timers"

log = logging.getLogger(__name__)


async def arrange(world: World, registry: str, name: str, task: StoredTask | None) -> None:
    """Make the timer rows what the task says; None for a task that is gone. A timer that stays keeps its place."""
    partition = keys.task_runs_partition(registry, name)
    wanted = dict(_timers(task.document)) if task else {}
    kept = set()
    async for row in world.tables.query(TIMERS, partition=partition):
        if wanted.get(row.key) == row.text("schedule"):
            kept.add(row.key)
        else:
            await world.tables.delete(TIMERS, partition, row.key)
    for trigger in wanted.keys() - kept:
        values: dict[str, Value] = {
            "registry": registry,
            "task": name,
            "schedule": wanted[trigger],
            "since": world.now().isoformat(),
        }
        await world.tables.upsert(TIMERS, Row(partition, trigger, values))


async def fire_due(world: World) -> list[Run]:
    """Ask for the runs of all timers that are due. One that fails does not keep the others from theirs.

    Raises:
        ExceptionGroup: the faults, after all timers were tried.
    """
    runs, faults = [], []
    async for row in world.tables.query(TIMERS):
        try:
            schedule = schedules.parse(row.text("schedule"))
            due = schedule.latest(datetime.fromisoformat(row.text("since")), world.now())
            if due is not None and (run := await _fire(world, row, due)) is not None:
                runs.append(run)
        except Exception as fault:
            log.exception("task %s, timer %s failed", row.values.get("task"), row.key)
            faults.append(fault)
    if faults:
        raise ExceptionGroup("timers failed", faults)
    return runs


async def _fire(world: World, row: Row, due: datetime) -> Run | None:
    registry, name = row.text("registry"), row.text("task")
    task = await task_rows.get(world, registry, name)
    if task is None or dict(_timers(task.document)).get(row.key) != row.text("schedule"):
        await arrange(world, registry, name, task)
        return None
    run = None
    if tasks.enabled(task.document) and tasks.step(task.document):
        run = await request_run(world, _ask(world, task, row.key, due))
        log.info("task %s, timer %s: run %s for %s", name, row.key, run.id, due.isoformat())
    try:
        moved = Row(row.partition, row.key, {**row.values, "since": due.isoformat()}, row.etag)
        await world.tables.replace(TIMERS, moved)
    except Stale:
        log.info("task %s, timer %s: another instance was faster", name, row.key)
    return run


def _ask(world: World, task: StoredTask, trigger: str, due: datetime) -> Ask:
    occurrence = due.isoformat().replace("+00:00", "Z")
    details = {"timerTriggerName": trigger, "scheduleOccurrence": occurrence}
    request = requests.of_task(world.unseal(task.document))
    cause = Cause("timer", f"{trigger}|{occurrence}", occurrence, details=details)
    return Ask(task.registry, cause, request, requests.run_type(request, of_task=True), task.name)


def _timers(task: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and schedule of each enabled timer."""
    trigger = (task.get("properties") or {}).get("trigger") or {}
    for timer in trigger.get("timerTriggers") or ():
        if timer.get("status", "Enabled") == "Enabled":
            yield timer["name"], timer["schedule"]
