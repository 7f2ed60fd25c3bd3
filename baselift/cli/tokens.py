"""Which token a command sends, and how a client gets one for its secret."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.core import PipelineClient
from azure.core.rest import HttpRequest, HttpResponse

from baselift.cli import entra, logins
from baselift.cli.bearer import check_private
from baselift.cli.errors import CommandError
from baselift.cli.logins import Login

_MARGIN = 60
"""Seconds before its end from which a token counts as expired: it must outlast the command's first requests."""
_TOKEN = "adfs/oauth2/token"  # noqa: S105  # a route
_OK = 200


@dataclass(frozen=True, slots=True)
class Server:
    """Where Baselift is."""

    url: str
    origin: str
    ca: str | None
    client: Mapping[str, str] | None
    """Id and secret file of the client that `script/serve` made for its own server; None for any other server."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A client id and its secret."""

    client: str
    secret: str = field(repr=False)


def token(server: Server) -> str | None:
    """The token for a command: of the environment's client, of the kept login, or of the server's own client.

    None where there is none of them: a server in mode `none` asks for none.

    Raises:
        CommandError: the login has expired, or the server does not take the secret.
    """
    if given := given_client(os.environ):
        return granted(server, given).token
    login = logins.read(server.origin)
    if login and (current := _current(login)):
        return current
    if server.client is not None:
        return granted(server, Secret(server.client["id"], secret_of(Path(server.client["secret_file"])))).token
    if login:
        raise CommandError(f"the login to {server.origin} has expired: run `baselift login`")
    return None


def given_client(environment: Mapping[str, str]) -> Secret | None:
    """The client of BASELIFT_CLIENT_ID and BASELIFT_CLIENT_SECRET. Raises CommandError for one without the other."""
    client, secret = (environment.get(name, "") for name in ("BASELIFT_CLIENT_ID", "BASELIFT_CLIENT_SECRET"))
    if bool(client) != bool(secret):
        raise CommandError("BASELIFT_CLIENT_ID and BASELIFT_CLIENT_SECRET go together: set both or none")
    return Secret(client, secret) if client else None


def secret_of(file: Path) -> str:
    """The secret in a file, without line ends. Raises CommandError when there is none."""
    try:
        text = file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        raise CommandError(f"the client secret cannot be read from {file}: {error}") from None
    if not text:
        raise CommandError(f"the client secret cannot be read from {file}: the file is empty")
    return text


def granted(server: Server, given: Secret) -> Login:
    """A login for a client's secret (RFC 6749, section 4.4). Raises CommandError when the server does not take it."""
    check_private(server.origin)
    form = {"grant_type": "client_credentials", "client_id": given.client, "client_secret": given.secret}
    asked = time.time()
    status, answer = ask(server, HttpRequest("POST", f"{server.url}/{_TOKEN}", data=form))
    if status != _OK or not isinstance(answer.get("access_token"), str):
        why = answer.get("error_description") or f"status {status}"
        raise CommandError(f"{server.origin} does not take client '{given.client}': {why}")
    return Login(server.origin, given.client, answer["access_token"], asked + float(answer.get("expires_in", 0)))


def ask(server: Server, request: HttpRequest) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of an answer; empty where it is none. Follows no redirect: a secret stays here."""
    client: PipelineClient[HttpRequest, HttpResponse] = PipelineClient(
        base_url=server.url, policies=[], connection_verify=server.ca or True
    )
    with client:
        response = client.send_request(request)
        try:
            answer = json.loads(response.text())
        except ValueError:
            answer = None
        return response.status_code, answer if isinstance(answer, dict) else {}


def _current(login: Login) -> str | None:
    """The token while it is good, a renewed one where there is a way, else None."""
    if time.time() < login.expires - _MARGIN:
        return login.token
    renewed = entra.renewed(login)
    if renewed is None:
        return None
    logins.write(renewed)
    return renewed.token
