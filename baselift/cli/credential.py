"""`baselift task credential`: the logins of a task at other registries."""

from collections.abc import Mapping
from typing import Any

import click

from baselift.cli import options, output, values
from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, absent, explained

Logins = dict[str, Any]

server = click.option("--login-server", metavar="HOST", required=True, help="Registry that the login is for.")


@click.group(short_help="Logins of a task at other registries.")
def credential() -> None:
    """Logins of a task at other registries. After each change all of them are printed, without secrets."""


def _login(command: options.Command) -> options.Command:
    for option in reversed(
        (
            server,
            click.option("--username", "-u", metavar="USER", help="User, or the Key Vault address of one."),
            click.option("--password", "-p", metavar="TEXT", help="Password, or the Key Vault address of one."),
            click.option(
                "--password-file",
                metavar="PATH",
                help="File with the password; '-': standard input. With neither it is asked for.",
            ),
            click.option("--use-identity", metavar="ID", help="'[system]', or the client id of an identity."),
        )
    ):
        command = option(command)
    return command


@credential.command("list")
@options.task_name
@options.registry
@options.output
@explained
def list_(name: str, registry: str | None, output: str) -> None:
    """Print the logins of a task."""
    connection = Connection(registry)
    _show(_logins(connection.client.tasks.get(*connection.where, name)), output)


@credential.command("add")
@options.task_name
@_login
@options.registry
@options.output
@explained
def add(name: str, login_server: str, registry: str | None, output: str, **given: Any) -> None:
    """Add a login to a task."""
    connection = Connection(registry)
    if login_server in _logins(connection.client.tasks.get(*connection.where, name)):
        how = "change it with `baselift task credential update`"
        raise CommandError(f"task '{name}' has a login for '{login_server}': {how}")
    _put(connection, name, {login_server: _given(given)}, output)


@credential.command("update")
@options.task_name
@_login
@options.registry
@options.output
@explained
def update(name: str, login_server: str, registry: str | None, output: str, **given: Any) -> None:
    """Replace a login of a task."""
    connection = Connection(registry)
    _check(connection, name, login_server)
    _put(connection, name, {login_server: _given(given)}, output)


@credential.command("remove")
@options.task_name
@server
@options.registry
@options.output
@explained
def remove(name: str, login_server: str, registry: str | None, output: str) -> None:
    """Remove a login from a task."""
    connection = Connection(registry)
    _check(connection, name, login_server)
    _put(connection, name, {login_server: None}, output)


def _check(connection: Connection, task: str, host: str) -> None:
    found = _logins(connection.client.tasks.get(*connection.where, task))
    if host not in found:
        raise absent(f"task '{task}'", "login for", host, found)


def _given(given: Mapping[str, Any]) -> Logins:
    """The login as the API takes it. The password is read last, so that nobody types it in vain."""
    user, identity = given["username"], given["use_identity"]
    if given["password"] is not None and given["password_file"] is not None:
        raise CommandError("--password and --password-file exclude each other")
    if user is None:
        if identity is None or given["password"] is not None or given["password_file"] is not None:
            raise CommandError("--username is needed with a password; without both, --use-identity")
        return {"identity": identity}
    login = {"userName": _secret(user), "password": _secret(_password(given))}
    return login | ({"identity": identity} if identity else {})


def _password(given: Mapping[str, Any]) -> str:
    path = given["password_file"]
    if path is not None:
        text = values.text_of(path).rstrip("\r\n")
    elif given["password"] is not None:
        text = given["password"]
    else:
        text = click.prompt("Password", hide_input=True, err=True)
    if not text:
        raise CommandError("the password is empty; it must be the password of --username")
    return str(text)


def _secret(text: str) -> dict[str, str]:
    vault = text.lower().startswith("https://") and ".vault." in text.lower()
    return {"type": "Vaultsecret" if vault else "Opaque", "value": text}


def _logins(task: Any) -> Logins:
    return dict((output.flat(task).get("credentials") or {}).get("customRegistries") or {})


def _put(connection: Connection, task: str, changed: Logins, form: str) -> None:
    patch: dict[str, Any] = {"properties": {"credentials": {"customRegistries": changed}}}
    _show(_logins(connection.client.tasks.update(*connection.where, task, patch)), form)


def _show(logins: Logins, form: str) -> None:
    rows = [{"host": host} | (login or {}) for host, login in logins.items()]
    output.show(logins if form == "json" else rows, form, _columns)


def _columns(login: output.Document) -> dict[str, str]:
    how = (login.get("userName") or {}).get("type") or ""
    return {"LOGIN SERVER": login["host"], "USER AND PASSWORD": how, "IDENTITY": login.get("identity") or ""}
