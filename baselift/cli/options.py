"""Options that several commands share, named as in `az acr`."""

from collections.abc import Callable
from typing import Any

import click

from baselift.cli.errors import CommandError

Command = Callable[..., Any]

registry = click.option("--registry", "-r", metavar="NAME", help="Registry to work on; by default the only one.")
output = click.option(
    "--output",
    "-o",
    type=click.Choice(["json", "table", "tsv"]),
    default="json",
    show_default=True,
    help="How to print the result.",
)
task_name = click.option("--name", "-n", metavar="TASK", required=True, help="Name of the task.")
run_id = click.option("--run-id", metavar="ID", required=True, help="Id of the run.")
images = click.option(
    "--image",
    "-t",
    "images",
    multiple=True,
    metavar="NAME[:TAG]",
    help="Image to push, again for each; {{.Run.ID}} in it becomes the run's id.",
)
target = click.option("--target", metavar="STAGE", help="Stage of the Dockerfile to build; by default the last.")
timeout = click.option("--timeout", type=click.IntRange(300, 28800), metavar="SECONDS", help="How long a run may take.")
build_platform = click.option("--platform", metavar="OS/ARCH[/VARIANT]", help="Platform of the image: linux/amd64.")
no_logs = click.option("--no-logs", is_flag=True, help="Wait without the log, then print the run.")
no_wait = click.option("--no-wait", is_flag=True, help="Return as soon as the run is queued.")


def report(text: str) -> Callable[[Command], Command]:
    """``--output`` of a command whose result is for people first: a table, unless asked otherwise."""
    kinds = click.Choice(["json", "table", "tsv"])
    return click.option("--output", "-o", "form", type=kinds, default="table", show_default=True, help=text)


def pairs(name: str, variable: str, text: str) -> Callable[[Command], Command]:
    """An option ``NAME=VALUE`` that may be given more than once."""
    return click.option(name, variable, multiple=True, metavar="NAME=VALUE", help=f"{text}, again for each.")


def arguments(plain: tuple[str, ...], secret: tuple[str, ...]) -> list[dict[str, Any]]:
    """``NAME=VALUE`` options as the API's build arguments."""
    pairs = [(text, False) for text in plain] + [(text, True) for text in secret]
    return [{"name": _name(text), "value": text.partition("=")[2], "isSecret": hidden} for text, hidden in pairs]


def platform(text: str | None) -> dict[str, str]:
    """``os[/architecture[/variant]]`` as the API's platform."""
    names = ("os", "architecture", "variant")
    parts = (text or "linux/amd64").lower().split("/")
    if len(parts) > len(names) or not all(parts):
        raise CommandError(f"--platform is '{text}': it must be os[/architecture[/variant]], for example linux/arm64")
    return dict(zip(names, parts, strict=False))


def _name(text: str) -> str:
    name = text.partition("=")[0]
    if not name:
        raise CommandError(f"argument '{text}' must be NAME=VALUE")
    return name
