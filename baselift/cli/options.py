"""Options that several commands share, named as in `az acr`."""

from collections.abc import Callable
from typing import Any

import click

from baselift.cli.errors import CommandError

Command = Callable[..., Any]

registry = click.option("--registry", "-r", help="Name of the registry; default: the only one.")
output = click.option(
    "--output", "-o", type=click.Choice(["json", "table", "tsv"]), default="json", show_default=True, help="Format."
)
task_name = click.option("--name", "-n", required=True, help="Name of the task.")
run_id = click.option("--run-id", required=True, help="Id of the run.")


def arguments(plain: tuple[str, ...], secret: tuple[str, ...]) -> list[dict[str, Any]]:
    """``NAME=VALUE`` options as the API's build arguments."""
    pairs = [(text, False) for text in plain] + [(text, True) for text in secret]
    return [{"name": _name(text), "value": text.partition("=")[2], "isSecret": hidden} for text, hidden in pairs]


def platform(text: str | None) -> dict[str, str]:
    """``os[/architecture[/variant]]`` as the API's platform."""
    names = ("os", "architecture", "variant")
    return dict(zip(names, (text or "linux/amd64").lower().split("/"), strict=False))


def _name(text: str) -> str:
    name = text.partition("=")[0]
    if not name:
        raise CommandError(f"argument '{text}' must be NAME=VALUE")
    return name
