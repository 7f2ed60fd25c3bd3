"""`baselift render`: what a task file comes to and in which order its steps run, without a server."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any

import click

from baselift.cli import options, output, values
from baselift.cli.errors import CommandError
from baselift.domain import taskfile, templates
from baselift.domain.taskfile import TaskFile, TaskFileError

_RUN = {
    "ID": "run-id",
    "Registry": "registry.example",
    "RegistryName": "registry",
    "Commit": "",
    "Branch": "",
    "Repository": "",
    "GitTag": "",
    "TriggeredBy": "request",
    "SharedVolume": "workspace",
    "OS": "linux",
    "OSVersion": "",
    "Architecture": "amd64",
    "TaskName": "",
}
"""What a run would know; ``--run NAME=VALUE`` says otherwise."""
_SECRET = "(secret)"  # noqa: S105  # what stands for each


@click.command(short_help="Print what a task file comes to.")
@click.argument("file", metavar="TASKFILE")
@click.option("--values", "values_file", metavar="PATH", help="Values file (YAML) for the template.")
@values.sets
@options.pairs("--run", "run", "What the template finds in .Run")
@click.option("--output", "-o", "form", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
def render(
    file: str,
    values_file: str | None,
    sets: tuple[str, ...],
    run: tuple[str, ...],
    form: str,
) -> None:
    """Print TASKFILE ('-': standard input) with its aliases and templates carried out, and the graph of its steps.

    What only a run knows, secrets too, has a stand-in. The exit code is 1 when the file is wrong; the message has the
    line.
    """
    content = values.text_of(file)
    folder = Path() if file == "-" else Path(file).parent
    try:
        given = taskfile.overlay(_values(values_file), values.assigned(sets))
        text, task = _carry_out(content, folder, _data(given, values.assigned(run)))
    except (TaskFileError, templates.TemplateError) as error:
        raise CommandError(f"'{file}': {error}") from None
    document = _document(task)
    if form == "json":
        output.show({"rendered": text} | document, form, _columns)
        return
    click.echo(text.rstrip("\n"))
    click.echo()
    output.show(document["steps"], "table", _columns)
    for note in task.notes:
        click.echo(f"Note: {note}", err=True)


def _data(given: Mapping[str, Any], run: Mapping[str, str]) -> dict[str, Any]:
    facts = _RUN | {"Date": datetime.now(UTC).strftime("%Y%m%d-%H%M%Sz")} | dict(run)
    return taskfile.template_data(facts, given)


def _values(path: str | None) -> dict[str, Any]:
    return taskfile.values(values.text_of(path)) if path else {}


def _carry_out(content: str, folder: Path, data: Mapping[str, Any]) -> tuple[str, TaskFile]:
    # Only here: cryptography takes long to import, and no other command needs it.
    from baselift.crypto_functions import crypto_functions  # noqa: PLC0415

    now = datetime.now(UTC)
    carry = partial(templates.render, now=now, random=SystemRandom(), functions=crypto_functions(now))
    named = taskfile.alias_sources(content, data, render=carry)
    sources = {name: taskfile.alias_source(_alias_file(folder, name)) for name in named}
    secrets = taskfile.secrets_section(content, data, render=carry, sources=sources)
    known = {**data, "Secrets": {each.id: _SECRET for each in secrets}}
    rendered = taskfile.rendering(content, known, render=carry, sources=sources)
    return rendered.text, taskfile.read(rendered, known, render=carry)


def _alias_file(folder: Path, name: str) -> str:
    if "://" in name:
        raise TaskFileError(f"the alias file '{name}' is not in the source: addresses are not fetched", where="alias")
    return values.text_of(str(folder / name))


def _document(task: TaskFile) -> dict[str, Any]:
    parents = taskfile.graph(task).parents
    steps = [
        {
            "id": step.id,
            "type": str(step.kind),
            "waitsFor": list(parents[step.id]),
            "line": step.line,
            "text": step.text or " ".join(step.images),
        }
        for step in task.steps
    ]
    return {"version": task.version, "steps": steps, "notes": list(task.notes)}


def _columns(step: output.Document) -> dict[str, str]:
    return {
        "STEP": step["id"],
        "TYPE": step["type"],
        "WAITS FOR": ", ".join(step["waitsFor"]) or "-",
        "LINE": str(step["line"]),
        "RUNS": " ".join(step["text"].split())[:72],
    }
