"""`baselift preview`, `graph` and `stale`: what depends on what, what a movement would cause, what is behind."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.edge import short
from baselift.cli.errors import explained
from baselift.cli.output import show
from baselift.domain.waves.drawing import Drawing, Line, dot, mermaid

_forms = click.Choice(["json", "mermaid", "dot"])
_forms_and_table = click.Choice(["table", "json", "mermaid", "dot"])


@click.command("preview", short_help="What a push of an image would rebuild.")
@click.argument("image", metavar="REFERENCE")
@options.registry
@click.option(
    "--output", "-o", type=_forms_and_table, default="table", show_default=True, help="How to print the plan."
)
@explained
def preview(image: str, registry: str | None, output: str) -> None:
    """Print who would be rebuilt if REFERENCE moved, in which order, and how long that takes. Nothing is built."""
    connection = Connection(registry)
    found = connection.send("GET", f"{_where(connection)}/preview?{urlencode({'image': image})}")
    if output in ("mermaid", "dot"):
        click.echo(_draw(_plan(found), output))
        return
    show(found if output == "json" else found["members"], output, preview_columns)
    if output == "table":
        click.echo(_sum(found))


@click.command("graph", short_help="How the registry's tasks depend on each other.")
@options.registry
@click.option("--output", "-o", type=_forms, default="json", show_default=True, help="How to print the graph.")
@explained
def graph(registry: str | None, output: str) -> None:
    """Print the registry's tasks and the edges between them; one that closes a cycle is broken, and never fires."""
    connection = Connection(registry)
    found = connection.send("GET", f"{_where(connection)}/graph")
    if output == "json":
        show(found, output, preview_columns)
        return
    click.echo(_draw(_graph(found), output))
    for cycle in found["cycles"]:
        click.echo(f"WARNING: a cycle, whose last step never fires: {' -> '.join(cycle)}", err=True)


@click.command("stale", short_help="Which images stand on an old base.")
@options.registry
@options.output
@explained
def stale(registry: str | None, output: str) -> None:
    """Print which tasks stand on an old base image, and since when. The exit code is 1 when any does."""
    connection = Connection(registry)
    found = connection.send("GET", f"{_where(connection)}/stale")["value"]
    show(found, output, stale_columns)
    if found:
        raise click.exceptions.Exit(1)


def preview_columns(member: output.Document) -> dict[str, str]:
    """The columns of `preview`."""
    return {
        "LEVEL": str(member["level"]),
        "TASK": member["task"],
        "AFTER": ", ".join(member["after"]),
        "BECAUSE OF": ", ".join(member["causes"]),
        "MINUTES": f"{member['seconds'] / 60:.1f}",
    }


def stale_columns(edge: output.Document) -> dict[str, str]:
    """The columns of `stale`."""
    return {
        "TASK": edge["task"],
        "BASE": edge["base"],
        "KIND": edge["kind"],
        "SINCE": output.moment(edge["staleSince"]),
        "BUILT ON": short(edge["builtOn"]),
        "NOW": short(edge["now"]),
    }


def _sum(found: Mapping[str, Any]) -> str:
    count = len(found["members"])
    if not count:
        return f"Nothing would be rebuilt if {found['image']} moved."
    levels, minutes = _many(found["levels"], "level"), _many(round(found["seconds"] / 60), "minute")
    return (
        f"\n{count} to rebuild in {levels}, about {minutes}; "
        f"the longest way takes {found['criticalSeconds'] / 60:.0f}: {' -> '.join(found['criticalPath'])}"
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _plan(found: Mapping[str, Any]) -> Drawing:
    boxes = {found["image"]: found["image"]}
    boxes |= {each["task"]: f"{each['task']} ({each['seconds'] / 60:.1f} min)" for each in found["members"]}
    lines = [Line(parent, each["task"]) for each in found["members"] for parent in each["after"]]
    lines += [Line(found["image"], each["task"]) for each in found["members"] if found["image"] in each["causes"]]
    return Drawing(boxes, lines)


def _graph(found: Mapping[str, Any]) -> Drawing:
    pushed = {image for task in found["tasks"] for image in task["outputs"]}
    boxes = {task["task"]: task["task"] for task in found["tasks"]}
    lines = [Line(each["parent"], each["child"], each["closesCycle"]) for each in found["edges"]]
    for task in found["tasks"]:
        for base in _outside(task["bases"], pushed):
            boxes[base["image"]] = base["image"]
            lines.append(Line(base["image"], task["task"], not base["follows"]))
    return Drawing(boxes, lines)


def _outside(bases: Sequence[Mapping[str, Any]], pushed: set[str]) -> list[Mapping[str, Any]]:
    return [base for base in bases if base["image"] not in pushed]


def _draw(drawing: Drawing, form: str) -> str:
    return mermaid(drawing) if form == "mermaid" else dot(drawing)


def _where(connection: Connection) -> str:
    return connection.path(*connection.where)
