"""`baselift login` and `baselift logout`: who this command is to a server."""

import os
from pathlib import Path
from typing import Any

import click
from azure.core.rest import HttpRequest

from baselift.cli import connection, entra, logins, tokens
from baselift.cli.bearer import check_private
from baselift.cli.errors import CommandError, explained
from baselift.cli.tokens import Secret, Server

_OK = 200
_RIGHT = {403: ": an administrator has to assign Baselift.Reader or Baselift.Contributor"}


@click.command(short_help="Log in to the server.")
@click.option(
    "--client-id",
    metavar="ID",
    help="Client of the server; with Microsoft Entra the public application that asks for the token.",
)
@click.option(
    "--client-secret-file",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="File with the client's secret; else BASELIFT_CLIENT_SECRET, else it is asked for.",
)
@explained
def login(client_id: str | None, client_secret_file: Path | None) -> None:
    """Log in to the server, and keep the login for this user until it expires or `baselift logout`.

    A server with clients of its own takes a client id and its secret, one with Microsoft Entra a login in a browser.
    Where BASELIFT_CLIENT_ID and BASELIFT_CLIENT_SECRET are set, as on a build server, no command needs a login.
    """
    server = connection.endpoint()
    if _status(server, None) == _OK:
        click.echo(f"{server.origin} asks for no login.")
        return
    check_private(server.origin)
    announced = _announced(server)
    if announced.get("identityProvider") == "AAD":
        made = _by_entra(server, announced, client_id)
    else:
        made = tokens.granted(server, _client(client_id, client_secret_file))
    if (status := _status(server, made.token)) != _OK:
        raise CommandError(f"{server.origin} does not let {made.who} in (status {status}){_RIGHT.get(status, '')}")
    logins.write(made)
    click.echo(f"Logged in to {server.origin} as {made.who}.")


@click.command(short_help="Forget the login to the server.")
@explained
def logout() -> None:
    """Forget the login to the server."""
    where = connection.endpoint().origin
    click.echo(f"Logged out of {where}." if logins.forget(where) else f"There is no login to {where}.")


def _status(server: Server, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return tokens.ask(server, HttpRequest("GET", f"{server.url}/subscriptions", headers=headers))[0]


def _announced(server: Server) -> dict[str, Any]:
    """How the server says that one logs in."""
    _, answer = tokens.ask(server, HttpRequest("GET", f"{server.url}/metadata/endpoints"))
    found = answer.get("authentication")
    if not isinstance(found, dict):
        raise CommandError(f"what answers at {server.url} is not Baselift")
    return found


def _client(client_id: str | None, file: Path | None) -> Secret:
    name = client_id or os.environ.get("BASELIFT_CLIENT_ID")
    if not name:
        raise CommandError("--client-id is needed: this server has clients of its own (`baselift client new`)")
    if file is not None:
        return Secret(name, tokens.secret_of(file))
    given = os.environ.get("BASELIFT_CLIENT_SECRET")
    return Secret(name, given or str(click.prompt(f"Secret of {name}", hide_input=True, err=True)))


def _by_entra(server: Server, announced: dict[str, Any], client_id: str | None) -> logins.Login:
    audience = str((announced.get("audiences") or [""])[0]).rstrip("/")
    # A server that had us fetch a token for Azure itself could act there as whoever logs in.
    if not audience.startswith("api://"):
        raise CommandError(f"the server asks for a token for '{audience}': only api://… is an application of its own")
    authority = f"{str(announced.get('loginEndpoint')).rstrip('/')}/{announced.get('tenant')}"
    return entra.log_in(
        server.origin, authority, audience, client_id or entra.AZURE_CLI, lambda text: click.echo(text, err=True)
    )
