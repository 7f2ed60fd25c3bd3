"""`baselift explain`: why a task or an image was built, and why not."""

from typing import Any
from urllib.parse import quote, urlencode

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.edge import short
from baselift.cli.errors import CommandError, explained


@click.command("explain", short_help="Why a task or an image was built, and why not.")
@click.option("--name", "--task", "-n", "name", metavar="TASK", help="The task to explain.")
@click.option("--image", "-t", metavar="REFERENCE", help="The image to explain, one that is built or built on.")
@options.registry
@click.option(
    "--output",
    "-o",
    type=click.Choice(["json", "table"]),
    default="table",
    show_default=True,
    help="How to print the answer.",
)
@explained
def explain(name: str | None, image: str | None, registry: str | None, output: str) -> None:
    """Print why a task or an image was built, and why not: what was heard, what moved, the rule, the run."""
    if (name is None) == (image is None):
        raise CommandError("give one of --task and --image")
    connection = Connection(registry)
    where = connection.path(*connection.where)
    if name is not None:
        path = f"{where}/tasks/{quote(name, safe='')}/explain"
    else:
        path = f"{where}/explain?{urlencode({'image': image})}"
    _show(connection.send("GET", path), output)


def _show(found: dict[str, Any], form: str) -> None:
    if form == "json":
        output.show(found, "json", columns)
        return
    click.echo(found["subject"])
    for sentence in found["answer"]:
        click.echo(f"  {sentence}")
    if found["steps"]:
        click.echo()
        output.show(found["steps"], "table", columns)


def columns(step: output.Document) -> dict[str, str]:
    """A row of the history: event, movement, rule, run and what it pushed."""
    run = step["run"] or {}
    return {
        "LAST": output.moment(step["last"]),
        "TIMES": str(step["count"]),
        "TOLD BY": step["source"],
        "TASK": step["task"],
        "BASE": step["base"],
        "FROM": short(step["before"]),
        "TO": short(step["after"]),
        "RULE": step["rule"],
        "RUN": run.get("id", ""),
        "STATUS": run.get("status", ""),
        "OUTPUTS": ", ".join(image.partition("@")[0] for image in run.get("outputs", ())),
    }
