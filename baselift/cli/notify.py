"""`baselift notify`: who is told of runs and waves. A target is a webhook of the registry, as ACR's webhooks are."""

import sys
import time
from typing import Any
from urllib.parse import quote

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, explained
from baselift.cli.output import flat

RUN_ACTIONS = ("run_succeeded", "run_failed")
ACTIONS = ("wave_started", "wave_halted", "wave_finished", *RUN_ACTIONS)
WAIT = 15.0
"""Seconds that `notify test` waits for the first attempt's outcome."""

_name = click.argument("name")


@click.group(short_help="Who is told of runs and waves.")
def notify() -> None:
    """Who is told of runs and waves: by signed webhooks, or by a topic of Azure Event Grid."""


@notify.command("add", short_help="Have a URL told of runs and waves.")
@_name
@click.option("--uri", required=True, metavar="URL", help="Where events are sent to.")
@click.option(
    "--action", "actions", multiple=True, type=click.Choice(ACTIONS), help="What it is told of, again for each; or all."
)
@click.option("--task", metavar="TASK", help="Only runs of this task; * stands for any characters.")
@options.pairs("--header", "headers", "Header to send")
@click.option("--event-grid", is_flag=True, help="URL is a custom topic of Event Grid, in the CloudEvents schema.")
@click.option("--secret-stdin", is_flag=True, help="Read what signs, or the topic's access key, from standard input.")
@options.registry
@options.output
@explained
def add(name: str, registry: str | None, output: str, **given: Any) -> None:
    """Have a URL told of runs and waves, or change how: what is signed with is shown once.

    Without --secret-stdin a webhook gets a secret, and a topic is published to by the server's identity.
    """
    connection = Connection(registry)
    properties = {
        "serviceUri": given["uri"],
        "actions": list(given["actions"] or (RUN_ACTIONS if given["task"] else ACTIONS)),
        "scope": given["task"],
        "customHeaders": dict(_pair(text) for text in given["headers"]),
        "kind": "eventgrid" if given["event_grid"] else "webhook",
        "secret": _secret() if given["secret_stdin"] else None,
    }
    made = connection.send(
        "PUT", _path(connection, name), {"location": connection.registry.location, "properties": properties}
    )
    shown = flat(made)
    if not given["event_grid"] and not given["secret_stdin"]:
        shown["secret"] = connection.send("POST", f"{_path(connection, name)}/getCallbackConfig")["secret"]
    _show(shown, output)


@notify.command("list")
@options.registry
@options.output
@explained
def list_(registry: str | None, output: str) -> None:
    """Print who is told of what."""
    connection = Connection(registry)
    _show([flat(each) for each in connection.send("GET", _path(connection))["value"]], output)


@notify.command("remove")
@_name
@options.registry
@explained
def remove(name: str, registry: str | None) -> None:
    """Tell a target nothing more; what was still to be sent to it is not."""
    connection = Connection(registry)
    connection.send("GET", _path(connection, name))
    connection.send("DELETE", _path(connection, name))


@notify.command("test")
@_name
@options.registry
@options.output
@explained
def test(name: str, registry: str | None, output: str) -> None:
    """Send a target an event of type baselift.ping, and print what came of it. Exit code 1: it was not accepted."""
    connection = Connection(registry)
    identifier = connection.send("POST", f"{_path(connection, name)}/ping")["id"]
    end = time.monotonic() + WAIT
    while (found := _event(connection, name, identifier)) is None or not _tried(found):
        if time.monotonic() > end:
            raise CommandError(f"event {identifier} was not sent within {WAIT:.0f} s: does the server read its queues?")
        time.sleep(0.1)
    _show_events(found, output)
    if found["state"] != "delivered":
        answer = found["eventResponseMessage"]["reasonPhrase"]
        raise CommandError(f"'{name}' did not accept the event: {answer}. It is sent again later.")


@notify.command("events")
@_name
@options.registry
@options.output
@explained
def events(name: str, registry: str | None, output: str) -> None:
    """Print what was sent to a target lately, and what came of it."""
    connection = Connection(registry)
    _show_events(_events(connection, name), output)


def target_columns(found: output.Document) -> dict[str, str]:
    """The columns of `notify list`."""
    return {
        "NAME": found["name"],
        "KIND": found["kind"],
        "HOST": found["serviceHost"] or "",
        "ACTIONS": ", ".join(found["actions"]),
        "TASK": found.get("scope") or "",
        "STATUS": found["status"],
    }


def event_columns(found: output.Document) -> dict[str, str]:
    """The columns of `notify events`."""
    content, answer = found["eventRequestMessage"]["content"], found["eventResponseMessage"]
    return {
        "ID": found["id"],
        "ACTION": content["action"],
        "TIME": output.moment(content["timestamp"]),
        "STATE": found["state"],
        "ATTEMPTS": str(found["attempts"]),
        "ANSWER": answer["reasonPhrase"] or "",
        "NEXT": output.moment(found["nextTime"]),
    }


def _tried(event: output.Document) -> bool:
    return bool(event["state"] != "pending" or event["attempts"])


def _event(connection: Connection, name: str, identifier: str) -> output.Document | None:
    return next((each for each in _events(connection, name) if each["id"] == identifier), None)


def _events(connection: Connection, name: str) -> list[output.Document]:
    return list(connection.send("POST", f"{_path(connection, name)}/listEvents")["value"])


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise CommandError(f"header '{text}' must be NAME=VALUE")
    return name, value


def _secret() -> str:
    text = sys.stdin.read().strip()
    if not text:
        raise CommandError("--secret-stdin: standard input is empty; it must be the secret")
    return text


def _path(connection: Connection, name: str | None = None) -> str:
    below = "" if name is None else f"/{quote(name, safe='')}"
    return f"{connection.path(*connection.where)}/webhooks{below}"


def _show(found: Any, form: str) -> None:
    output.show(found, form, target_columns)


def _show_events(found: Any, form: str) -> None:
    output.show(found, form, event_columns)
