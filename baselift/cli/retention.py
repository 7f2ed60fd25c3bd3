"""`baselift task retention`: of how many runs the tags are kept that have the run's id in their name."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, explained
from baselift.domain.own_tags import MOST


@click.group(short_help="Tags of older runs, and how many stay.")
def retention() -> None:
    """Tags with {{.Run.ID}} in their name: of how many runs they are kept in the registry."""


@retention.command("show")
@options.task_name
@options.registry
@options.output
@explained
def show(name: str, registry: str | None, output: str) -> None:
    """Print how many are kept, and which are still there although they are to go."""
    _show(standing(Connection(registry), name), output)


@retention.command("set")
@options.task_name
@click.option("--keep", type=click.IntRange(1, MOST), metavar="N", help="Keep the tags of the newest N runs.")
@click.option("--off", is_flag=True, help="Keep the tags of all runs, as a new task does.")
@options.registry
@options.output
@explained
def set_(name: str, keep: int | None, registry: str | None, output: str, *, off: bool) -> None:
    """Have the tags of older runs deleted, in each repository that the task pushes to, and print how it stands.

    A tag goes eight hours after newer ones took its place: a run that began before may still build on its image.
    """
    if off == (keep is not None):
        raise CommandError("give one of --keep and --off")
    connection = Connection(registry)
    found = connection.send("PUT", _path(connection, name), {"keep": keep})
    advise(found)
    _show(found, output)


def standing(connection: Connection, name: str) -> dict[str, Any]:
    """How a task's tags are kept; what stands in the way is said on stderr."""
    found = dict(connection.send("GET", _path(connection, name)))
    advise(found)
    return found


def advise(found: Mapping[str, Any]) -> None:
    """Say why tags of older runs cannot be deleted."""
    if found["problem"]:
        click.echo(f"WARNING: tags of older runs are not deleted: {found['problem']}", err=True)


def _path(connection: Connection, name: str) -> str:
    return f"{connection.path(*connection.where)}/tasks/{quote(name, safe='')}/retention"


def _show(found: Mapping[str, Any], form: str) -> None:
    output.show(dict(found), form, _columns)
    if form == "table" and found["left"]:
        click.echo()
        output.show(found["left"], form, lambda each: {"IMAGE": each["image"], "RUN": each["run"], "WHY": each["why"]})


def _columns(found: output.Document) -> dict[str, str]:
    return {
        "KEEP": str(found["keep"] or "all"),
        "NEXT LOOK": output.moment(found["next"]),
        "LEFT": str(len(found["left"])),
        "PROBLEM": found["problem"],
    }
