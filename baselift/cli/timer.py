"""`baselift task timer`: when a task runs by the clock."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, absent, explained
from baselift.cli.output import flat

Timer = dict[str, Any]

timer_name = click.option("--timer-name", metavar="TIMER", required=True, help="Name of the timer.")
SCHEDULE = "Minute, hour, day, month and weekday, in UTC: '0 21 * * *'."


@click.group(short_help="When a task runs by the clock.")
def timer() -> None:
    """Timers of a task. After each change all of them are printed."""


@timer.command("list")
@options.task_name
@options.registry
@options.output
@explained
def list_(name: str, registry: str | None, output: str) -> None:
    """Print the timers of a task."""
    connection = Connection(registry)
    _show(_timers(connection.client.tasks.get(*connection.where, name)), output)


@timer.command("add")
@options.task_name
@timer_name
@click.option("--schedule", metavar="CRON", required=True, help=SCHEDULE)
@click.option("--enabled", type=bool, metavar="true|false", default=True, show_default=True, help="Whether it runs.")
@options.registry
@options.output
@explained
def add(name: str, timer_name: str, registry: str | None, output: str, **given: Any) -> None:
    """Add a timer to a task."""
    connection = Connection(registry)
    if _named(_timers(connection.client.tasks.get(*connection.where, name)), timer_name):
        raise CommandError(f"task '{name}' has a timer '{timer_name}': change it with `baselift task timer update`")
    _put(connection, name, _timer(timer_name, given), output)


@timer.command("update")
@options.task_name
@timer_name
@click.option("--schedule", metavar="CRON", help=SCHEDULE)
@click.option("--enabled", type=bool, metavar="true|false", help="Whether it runs.")
@options.registry
@options.output
@explained
def update(name: str, timer_name: str, registry: str | None, output: str, **given: Any) -> None:
    """Change a timer of a task; what is not given stays."""
    connection = Connection(registry)
    _check(_timers(connection.client.tasks.get(*connection.where, name)), name, timer_name)
    _put(connection, name, _timer(timer_name, given), output)


@timer.command("remove")
@options.task_name
@timer_name
@options.registry
@options.output
@explained
def remove(name: str, timer_name: str, registry: str | None, output: str) -> None:
    """Remove a timer from a task."""
    connection = Connection(registry)
    # A PATCH takes no timer away. What is put back has the task's secrets, or they would be gone.
    task = connection.client.tasks.get_details(*connection.where, name).as_dict()
    timers = _timers(task)
    _check(timers, name, timer_name)
    task["properties"]["trigger"]["timerTriggers"] = [each for each in timers if each["name"] != timer_name]
    _show(_timers(connection.client.tasks.create(*connection.where, name, task)), output)


def _timers(task: Any) -> list[Timer]:
    return list((flat(task).get("trigger") or {}).get("timerTriggers") or ())


def _named(timers: Sequence[Timer], name: str) -> list[Timer]:
    return [each for each in timers if each["name"] == name]


def _check(timers: Sequence[Timer], task: str, name: str) -> None:
    if not _named(timers, name):
        raise absent(f"task '{task}'", "timer", name, [each["name"] for each in timers])


def _timer(name: str, given: Mapping[str, Any]) -> Timer:
    status = None if given["enabled"] is None else "Enabled" if given["enabled"] else "Disabled"
    fields = {"schedule": given["schedule"], "status": status}
    return {"name": name} | {field: value for field, value in fields.items() if value is not None}


def _put(connection: Connection, task: str, changed: Timer, form: str) -> None:
    patch: dict[str, Any] = {"properties": {"trigger": {"timerTriggers": [changed]}}}
    _show(_timers(connection.client.tasks.update(*connection.where, task, patch)), form)


def _show(timers: Sequence[Timer], form: str) -> None:
    output.show(
        timers, form, lambda each: {"NAME": each["name"], "SCHEDULE": each["schedule"], "STATUS": each["status"]}
    )
