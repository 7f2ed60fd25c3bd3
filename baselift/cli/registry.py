"""`baselift registry`: the registries that the server works for."""

import sys
from typing import Any

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection, group_of
from baselift.cli.errors import CommandError, explained

_name = click.argument("name")


@click.group(short_help="Registries that the server works for.")
def registry() -> None:
    """Registries that the server works for: registered here, never created or deleted."""


@registry.command("add", short_help="Register a registry, or change it.")
@_name
@click.option("--login-server", required=True, metavar="HOST[:PORT]", help="Address of the registry.")
@click.option(
    "--alias", "aliases", multiple=True, metavar="HOST", help="Other host it is written with, again for each."
)
@click.option("--kind", type=click.Choice(["oci", "acr"]), help="What it is; a new one is oci.")
@click.option("--username", metavar="USER", help="User of the registry; with --password-stdin.")
@click.option("--password-stdin", is_flag=True, help="Read the user's password from standard input.")
@click.option("--resource-group", "-g", metavar="GROUP", help="Resource group; of a new one local.")
@click.option("--location", "-l", metavar="PLACE", help="Location to show; of a new one local.")
@options.output
@explained
def add(name: str, username: str | None, resource_group: str | None, output: str, **given: Any) -> None:
    """Register a registry, or change its registration: what is not given stays."""
    if bool(username) != given["password_stdin"]:
        raise CommandError("--username and --password-stdin go together")
    properties: dict[str, Any] = {"loginServer": given["login_server"]}
    properties |= {"aliases": list(given["aliases"])} if given["aliases"] else {}
    properties |= {"kind": given["kind"]} if given["kind"] else {}
    if username:
        properties["credentials"] = {"username": username, "password": _password()}
    connection = Connection(name)
    known = next((each for each in connection.registries() if each["name"].lower() == name.lower()), {})
    group = resource_group or (group_of(known) if known else "local")
    location = given["location"] or known.get("location") or "local"
    body = {"location": location, "tags": known.get("tags") or {}, "properties": properties}
    _show(connection.send("PUT", Connection.path(group, name), body), output)


@registry.command("show")
@_name
@options.output
@explained
def show(name: str, output: str) -> None:
    """Print a registry."""
    connection = Connection(name)
    _show(connection.send("GET", Connection.path(*connection.where)), output)


@registry.command("list")
@options.output
@explained
def list_(output: str) -> None:
    """Print all registries."""
    _show(Connection().registries(), output)


@registry.command("remove")
@_name
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@explained
def remove(name: str, *, yes: bool) -> None:
    """Forget a registry and its tasks. Its images stay."""
    connection = Connection(name)
    where = connection.where
    if not yes:
        click.confirm(f"Forget registry '{where[1]}' and its tasks?", abort=True)
    connection.send("DELETE", Connection.path(*where))


def _password() -> str:
    text = sys.stdin.read().rstrip("\r\n")
    if not text:
        raise CommandError("--password-stdin: standard input is empty; it must be the password")
    return text


def _show(found: Any, form: str) -> None:
    result = [output.flat(each) for each in found] if isinstance(found, list) else output.flat(found)
    output.show(result, form, _columns)


def _columns(found: output.Document) -> dict[str, str]:
    return {
        "NAME": found["name"],
        "RESOURCE GROUP": group_of(found),
        "LOGIN SERVER": found["loginServer"],
        "KIND": found["kind"],
        "ALIASES": ", ".join(found["aliases"]),
    }
