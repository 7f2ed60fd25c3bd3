"""`baselift task edge`: the base images of a task, how each is watched, and what counts."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.errors import explained
from baselift.domain.edges.policies import POLICIES

WAIT = 5.0
"""Seconds that `task create` waits for the source to be read."""


@click.group(short_help="Base images of a task, and whether each counts.")
def edge() -> None:
    """Base images of a task: how each is watched, and whether its movements count."""


@edge.command("list")
@options.task_name
@options.registry
@options.output
@explained
def list_(name: str, registry: str | None, output: str) -> None:
    """Print how every base image of a task is watched."""
    _show(_get(Connection(registry), name), output)


@edge.command("set")
@options.task_name
@click.option("--base", metavar="REFERENCE", required=True, help="The base image, as `task edge list` prints it.")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    required=True,
    help="rebuild: counts also when only final bases do; ignore: never counts; default: as the task's trigger says.",
)
@options.registry
@options.output
@explained
def set_(name: str, base: str, policy: str, registry: str | None, output: str) -> None:
    """Say whether movements of one base image count, and print all."""
    connection = Connection(registry)
    _show(connection.send("PUT", path(connection, name), {"base": base, "policy": policy}), output)


def path(connection: Connection, name: str) -> str:
    """Path of a task's edges under the subscription."""
    return f"{connection.path(*connection.where)}/tasks/{quote(name, safe='')}/edges"


def states(connection: Connection, name: str) -> dict[str, Any]:
    """The edges of a task and how they stand; what is to be done about them is said on stderr."""
    found = _get(connection, name)
    advise(found)
    return found


def read_since(connection: Connection, name: str, changed: str) -> dict[str, Any]:
    """The edges after a change of the task, as soon as its source was read; what there was when that takes long."""
    end = time.monotonic() + WAIT
    while True:
        found = _get(connection, name)
        if _later(found["found"], changed):
            advise(found)
            return found
        if time.monotonic() > end:
            said = f"its source is still being read: `baselift task edge list --name {name}` shows its base images"
            click.echo(said, err=True)
            return found
        time.sleep(0.1)


def advise(found: Mapping[str, Any]) -> None:
    """Say what is not watched, and how it would be."""
    if found["problem"]:
        click.echo(f"WARNING: the base images could not be read: {found['problem']}", err=True)
    if found["advice"]:
        click.echo(f"WARNING: {found['advice']}", err=True)


def columns(found: output.Document) -> dict[str, str]:
    """A row of `task edge list`."""
    return {
        "BASE": found["base"],
        "KIND": found["kind"],
        "POLICY": found["policy"],
        "STATE": found["state"],
        "HOW": found["how"],
        "BUILT ON": short(found["builtOn"]),
        "NOW": short(found["now"]),
        "LAST EVENT": output.moment(found["lastEvent"]),
        "LAST CHECK": output.moment(found["lastCheck"]),
    }


def short(digest: str) -> str:
    """A digest as tables show it."""
    return digest.partition(":")[2][:12]


def _get(connection: Connection, name: str) -> dict[str, Any]:
    return dict(connection.send("GET", path(connection, name)))


def _show(found: Mapping[str, Any], form: str) -> None:
    advise(found)
    output.show(found["value"], form, columns)


def _later(found: str, changed: str) -> bool:
    return bool(found) and datetime.fromisoformat(found) >= datetime.fromisoformat(changed)
