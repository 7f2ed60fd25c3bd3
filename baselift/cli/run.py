"""`baselift run`: run a task file, or a single command, without a task."""

import base64
from pathlib import Path
from typing import Any

import click

from baselift.cli import options, values
from baselift.cli.build import schedule
from baselift.cli.connection import Connection
from baselift.cli.context import directory, is_remote, upload_directory
from baselift.cli.errors import CommandError, explained
from baselift.domain.taskfile import TaskFileError, single_command

DEFAULT_FILE = "acb.yaml"
NOTHING = "/dev/null"


@click.command(short_help="Run a task file or a command.")
@click.argument("source")
@click.option(
    "--file", "-f", "file", metavar="PATH", help=f"Task file; '-': standard input.  [default: {DEFAULT_FILE}]"
)
@click.option("--cmd", "command", metavar="TEXT", help="Instead of a task file: an image and what runs in it.")
@click.option("--values", "values_file", metavar="PATH", help="Values file (YAML) for the template.")
@values.sets
@values.secret_sets
@options.build_platform
@options.timeout
@options.no_logs
@options.no_wait
@options.registry
@options.output
@explained
def run(source: str, registry: str | None, file: str | None, command: str | None, **given: Any) -> None:
    """Run a task file, or the command of --cmd, with SOURCE as its workspace: the log is printed while it runs.

    SOURCE is a directory, which is uploaded without what its .dockerignore names, what `baselift build` takes besides,
    or /dev/null for none. Of a remote source the files are those in it; otherwise files that are not in the source are
    read here. The exit code is 0 when the run succeeded, otherwise 1.
    """
    connection = Connection(registry)
    request = _task(source, file, command, given["values_file"], given["timeout"])
    request |= {
        "values": values.set_values(given["sets"], given["secret_sets"]),
        "platform": options.platform(given["platform"]),
    }
    if given["timeout"] is not None:
        request["timeout"] = given["timeout"]
    if source != NOTHING:
        request["sourceLocation"] = source if is_remote(source) else upload_directory(connection, directory(source))
    schedule(connection, request, given["output"], no_logs=given["no_logs"], no_wait=given["no_wait"])


def _task(
    source: str, file: str | None, command: str | None, values_file: str | None, timeout: int | None
) -> dict[str, Any]:
    """The request without its values and source. Everything local is checked before anything is sent."""
    root = None if source == NOTHING or is_remote(source) else directory(source)
    if command is not None:
        if file is not None:
            raise CommandError("--file and --cmd exclude each other: a command is a task of its own")
        return _encoded(_single(command, timeout), values_file)
    name = file or DEFAULT_FILE
    if root is None and source != NOTHING and name != "-":
        return _named(name, values_file)
    if root is not None and _inside(root, name) and (values_file is None or _inside(root, values_file)):
        return _named(name, values_file)
    return _encoded(values.text_of(_found(root, name)), values_file and _found(root, values_file))


def _single(command: str, timeout: int | None) -> str:
    try:
        return single_command(command, timeout)
    except TaskFileError as error:
        raise CommandError(f"--cmd: {error}") from None


def _named(file: str, values_file: str | None) -> dict[str, Any]:
    request = {"type": "FileTaskRunRequest", "taskFilePath": file}
    return request | ({"valuesFilePath": values_file} if values_file else {})


def _encoded(text: str, values_file: str | None) -> dict[str, Any]:
    request = {"type": "EncodedTaskRunRequest", "encodedTaskContent": _base64(text)}
    return request | ({"encodedValuesContent": _base64(values.text_of(values_file))} if values_file else {})


def _inside(root: Path, name: str) -> bool:
    path = (root / name).resolve()
    return path.is_file() and path.is_relative_to(root.resolve())


def _found(root: Path | None, name: str) -> str:
    return str(root / name) if root is not None and _inside(root, name) else name


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
