"""`baselift subscribe`: have Event Grid tell a function app of a registry's pushes, without our templates."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence

import click

from baselift.cli.errors import CommandError

_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,58}[A-Za-z0-9]")
_ACR = re.compile(r"[A-Za-z0-9]{5,50}")
_STORAGE = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = "deadletters"


@click.command(short_help="Have Event Grid tell a function app of a registry's pushes.")
@click.option("--function-app", "app", required=True, metavar="NAME", help="The function app that Baselift is.")
@click.option("--acr", required=True, metavar="NAME", help="The Azure container registry.")
@click.option("--dead-letters", "storage", metavar="ACCOUNT", help="Storage account for events that never arrived.")
@click.option("--yes", "-y", is_flag=True, help="Make the subscription, through az.")
def subscribe(app: str, acr: str, storage: str | None, *, yes: bool) -> None:
    """Print the commands that subscribe a function app to a registry's pushes, or with --yes carry them out.

    Both must be in the subscription that `az account show` shows, and the app deployed.
    """
    _check("--function-app", app, _APP, "2 to 60 letters, digits and inner dashes")
    _check("--acr", acr, _ACR, "5 to 50 letters and digits")
    if storage is not None:
        _check("--dead-letters", storage, _STORAGE, "3 to 24 small letters and digits")
    look_ups, create = _lookups(app, acr, storage), _create(storage)
    if yes:
        _carry_out(look_ups, create)
    else:
        click.echo("\n".join(f"{name}=$({_line(command)})" for name, command in look_ups.items()))
        click.echo(_line(create))


def _check(option: str, value: str, right: re.Pattern[str], words: str) -> None:
    if not right.fullmatch(value):
        raise CommandError(f"{option} is '{value}': it must be {words}")


def _lookups(app: str, acr: str, storage: str | None) -> dict[str, list[str]]:
    """The ids that are needed, by name, and the command that prints each."""
    text = ["--output", "tsv"]
    found = {
        "registry": ["az", "acr", "show", "--name", acr, "--query", "id", *text],
        "app": ["az", "functionapp", "list", "--query", f"[?name=='{app}'].id", *text],
    }
    if storage:
        found["storage"] = ["az", "storage", "account", "show", "--name", storage, "--query", "id", *text]
    return found


def _create(storage: str | None) -> list[str]:
    command = ["az", "eventgrid", "event-subscription", "create", "--name", "baselift-image-pushed"]
    command += ["--source-resource-id", "$registry"]
    command += ["--endpoint-type", "azurefunction", "--endpoint", "$app/functions/image_pushed"]
    command += ["--included-event-types", "Microsoft.ContainerRegistry.ImagePushed"]
    command += ["--event-delivery-schema", "eventgridschema"]
    command += ["--max-delivery-attempts", "30", "--event-ttl", "1440"]
    if storage:
        command += ["--deadletter-endpoint", f"$storage/blobServices/default/containers/{_CONTAINER}"]
    return command


def _line(command: Sequence[str]) -> str:
    """The command as one writes it: in double quotes what holds a variable, or single quotes of az's own."""
    return " ".join(f'"{word}"' if set("$'") & set(word) else shlex.quote(word) for word in command)


def _carry_out(look_ups: dict[str, list[str]], create: Sequence[str]) -> None:
    if shutil.which("az") is None:
        raise CommandError(
            "--yes needs az, the Azure CLI, which is not on PATH; without --yes the commands are printed"
        )
    found = {name: _run(command) for name, command in look_ups.items()}
    for name, identifier in found.items():
        if not identifier or len(identifier.split()) != 1:
            raise CommandError(f"az found no {name} of that name in its subscription (az account show)")
    words = [re.sub(r"^\$(\w+)", lambda name: found[name[1]], word) for word in create]
    _run(words)
    click.echo(f"subscribed: pushes to {found['registry'].rpartition('/')[2]} reach {found['app'].rpartition('/')[2]}")


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CommandError(
            f"'{shlex.join(command[:4])}' failed: {said[-1] if said else f'exit code {done.returncode}'}"
        )
    return done.stdout.strip()
