"""`baselift wave`, `pause` and `unpause`: the waves that movements of base images cause, and what holds them."""

from typing import Any
from urllib.parse import quote, urlencode

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, explained
from baselift.cli.output import flat
from baselift.cli.output import show as show_

wave_id = click.argument("wave", metavar="WAVE")


@click.group(short_help="Waves: what movements of base images cause.")
def wave() -> None:
    """Waves: what movements of base images cause, member by member."""


@wave.command("list")
@options.registry
@options.output
@explained
def list_(registry: str | None, output: str) -> None:
    """Print the latest waves, newest first."""
    connection = Connection(registry)
    found = connection.send("GET", f"{_where(connection)}/waves")["value"]
    show_([flat(each) for each in found], output, wave_columns)


@wave.command("show")
@wave_id
@options.registry
@options.output
@explained
def show(wave: str, registry: str | None, output: str) -> None:
    """Print a wave; as a table, its members."""
    _print(Connection(registry), "GET", wave, "", output)


@wave.command("resume")
@wave_id
@options.registry
@options.output
@explained
def resume(wave: str, registry: str | None, output: str) -> None:
    """Have done what is left of a wave that was halted or canceled, or in which something failed."""
    _print(Connection(registry), "POST", wave, "/resume", output)


@wave.command("cancel")
@wave_id
@options.registry
@options.output
@explained
def cancel(wave: str, registry: str | None, output: str) -> None:
    """Cancel a wave: what was not started is not, and its runs that are not over are canceled."""
    _print(Connection(registry), "POST", wave, "/cancel", output)


_what = (
    click.option("--task", metavar="TASK", help="The task."),
    click.option("--base", metavar="REFERENCE", help="The base image: its movements wait, as one."),
)


@click.command("pause", short_help="Let waves wait: of a registry, a task or a base.")
@_what[0]
@_what[1]
@click.option("--window", metavar="SCHEDULE", help="Wait outside windows only: five NCRONTAB fields, UTC.")
@click.option("--minutes", type=click.IntRange(1, 10080), metavar="N", help="How long each window lasts.")
@click.option("--note", metavar="TEXT", help="Why, for others.")
@options.registry
@options.output
@explained
def pause(task: str | None, base: str | None, registry: str | None, output: str, **given: Any) -> None:
    """Let the registry's waves wait, or one task, or the movements of one base image, until `unpause`.

    What people, timers and git pushes ask for is built all the same.
    """
    if bool(given["window"]) != bool(given["minutes"]):
        raise CommandError("--window and --minutes go together")
    connection = Connection(registry)
    body = _subject(task, base) | {name: value for name, value in given.items() if value}
    found = connection.send("PUT", f"{_where(connection)}/pauses", body)["value"]
    show_(found, output, pause_columns)


@click.command("unpause", short_help="End a pause: what waited goes on.")
@_what[0]
@_what[1]
@options.registry
@options.output
@explained
def unpause(task: str | None, base: str | None, registry: str | None, output: str) -> None:
    """End a pause of the registry, of a task or of a base image; print the pauses that are left."""
    connection = Connection(registry)
    query = urlencode(_subject(task, base))
    found = connection.send("DELETE", f"{_where(connection)}/pauses?{query}")["value"]
    show_(found, output, pause_columns)


def wave_columns(found: output.Document) -> dict[str, str]:
    """The columns of `wave list`."""
    return {
        "WAVE": found["name"],
        "STATE": found["state"],
        "CAUSE": ", ".join(cause["image"] for cause in found["causes"]),
        "DONE": f"{found['settled']}/{found['total']}",
        "FAILED": str(found["failed"]),
        "MOVED": output.moment(found["movedTime"]),
        "NOTE": found["note"],
    }


def member_columns(found: output.Document) -> dict[str, str]:
    """The columns of `wave show`."""
    return {
        "LEVEL": str(found["level"]),
        "TASK": found["task"],
        "STATE": found["state"],
        "RUN": found["runId"] or "",
        "ATTEMPT": str(found["attempt"]),
        "WAITS FOR": ", ".join(found["waitsFor"]),
        "NOTE": found["note"],
    }


def pause_columns(found: output.Document) -> dict[str, str]:
    """The columns of a list of pauses."""
    return {
        "KIND": found["kind"],
        "NAME": found["name"] or found["registry"],
        "SINCE": output.moment(found["since"]),
        "WINDOW": found["window"],
        "MINUTES": str(found["minutes"] or ""),
        "NOTE": found["note"],
    }


def _print(connection: Connection, method: str, identifier: str, verb: str, form: str) -> None:
    found = flat(connection.send(method, f"{_where(connection)}/waves/{quote(identifier, safe='')}{verb}"))
    if form == "json":
        output.show(found, form, wave_columns)
        return
    if form == "table":
        output.show(found, form, wave_columns)
        click.echo()
    output.show(found["members"], form, member_columns)


def _subject(task: str | None, base: str | None) -> dict[str, str]:
    if task is not None and base is not None:
        raise CommandError("give one of --task and --base, or none for the registry")
    if task is not None:
        return {"kind": "task", "name": task}
    return {"kind": "registry"} if base is None else {"kind": "base", "name": base}


def _where(connection: Connection) -> str:
    return connection.path(*connection.where)
