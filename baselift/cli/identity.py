"""`baselift task identity`: the managed identities of a task."""

from typing import Any

import click

from baselift.cli import options, output
from baselift.cli.connection import Connection
from baselift.cli.errors import absent, explained

SYSTEM = "[system]"

identities = click.option(
    "--identities",
    multiple=True,
    metavar="ID",
    default=(SYSTEM,),
    show_default=True,
    help="'[system]', or the resource id of an identity; again for each.",
)


@click.group(short_help="Managed identities of a task.")
def identity() -> None:
    """Managed identities of a task. After each change all of them are printed."""


@identity.command("show")
@options.task_name
@options.registry
@options.output
@explained
def show(name: str, registry: str | None, output: str) -> None:
    """Print the identities of a task."""
    connection = Connection(registry)
    _show(_identity(connection.client.tasks.get(*connection.where, name)), output)


@identity.command("assign")
@options.task_name
@identities
@options.registry
@options.output
@explained
def assign(name: str, identities: tuple[str, ...], registry: str | None, output: str) -> None:
    """Assign identities to a task; those it has stay."""
    connection = Connection(registry)
    held = _held(_identity(connection.client.tasks.get(*connection.where, name)))
    added = {each.lower(): each for each in identities}
    _put(connection, name, _kind({*held, *added}), {each: {} for key, each in added.items() if key != SYSTEM}, output)


@identity.command("remove")
@options.task_name
@identities
@options.registry
@options.output
@explained
def remove(name: str, identities: tuple[str, ...], registry: str | None, output: str) -> None:
    """Take identities from a task."""
    connection = Connection(registry)
    held = _held(_identity(connection.client.tasks.get(*connection.where, name)))
    for each in identities:
        if each.lower() not in held:
            raise absent(f"task '{name}'", "identity", each, held.values())
    gone = {each.lower() for each in identities}
    _put(connection, name, _kind(held.keys() - gone), {held[key]: None for key in gone - {SYSTEM}}, output)


def _identity(task: Any) -> dict[str, Any]:
    return dict(output.flat(task).get("identity") or {})


def _held(identity: dict[str, Any]) -> dict[str, str]:
    """The identities as they are written, by their lower-case names: resource ids have no case."""
    system = [SYSTEM] if "SystemAssigned" in (identity.get("type") or "") else []
    return {each.lower(): each for each in (*system, *(identity.get("userAssignedIdentities") or {}))}


def _kind(names: set[str]) -> str:
    kinds = (("SystemAssigned", SYSTEM in names), ("UserAssigned", bool(names - {SYSTEM})))
    return ", ".join(kind for kind, there in kinds if there) or "None"


def _put(connection: Connection, task: str, kind: str, users: dict[str, Any], form: str) -> None:
    change = {"type": kind} | ({"userAssignedIdentities": users} if users and "UserAssigned" in kind else {})
    _show(_identity(connection.client.tasks.update(*connection.where, task, {"identity": change})), form)


def _show(identity: dict[str, Any], form: str) -> None:
    rows = [{"name": each} for each in _held(identity).values()]
    output.show(identity if form == "json" else rows, form, lambda each: {"IDENTITY": each["name"]})
