"""Logins at Microsoft Entra by device code (RFC 8628), and their renewal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from baselift.cli.errors import CommandError
from baselift.cli.logins import Login, Renewal

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The Azure CLI's public application, which most tenants know; an own one is better."""
_SECONDS = 30
"""How long the authority may take for an answer."""


def log_in(origin: str, authority: str, audience: str, application: str, tell: Callable[[str], None]) -> Login:
    """Have a person log in elsewhere with a code, and wait until that is done.

    Args:
        origin: the server that the token is for.
        authority: ``https://host/tenant``.
        audience: the server's application id URI.
        application: id of the public application that asks for the token.
        tell: shows the person where to go and with which code.

    Raises:
        CommandError: the login failed or was not made in time, or the authority does not answer.
    """
    start = Renewal(authority, application, f"{audience}/.default", "")
    with _client(start) as client:
        flow = _answered(authority, lambda: client.initiate_device_flow(scopes=[start.scope]))
        if "user_code" not in flow:
            raise _refused(authority, flow)
        tell(flow["message"])
        return _login(origin, start, client, _answered(authority, lambda: client.acquire_token_by_device_flow(flow)))


def renewed(login: Login) -> Login | None:
    """The login with a fresh token; None when somebody has to log in anew. Raises CommandError without an answer."""
    if login.renewal is None:
        return None
    known = login.renewal
    with _client(known) as client:
        account = next(iter(client.get_accounts()), None)
        if account is None:
            return None
        found = _answered(known.authority, lambda: client.acquire_token_silent([known.scope], account=account))
        return _login(login.origin, known, client, found) if found and "access_token" in found else None


@contextmanager
def _client(known: Renewal) -> Iterator[Any]:
    """MSAL's client of public applications."""
    import msal  # type: ignore[import-untyped]  # noqa: PLC0415 - takes half a second, and only these logins need it

    cache = msal.SerializableTokenCache()
    if known.cache:
        cache.deserialize(known.cache)

    def make() -> Any:
        # The server's settings name the authority: Microsoft's servers are not asked about other ones.
        return msal.PublicClientApplication(
            known.application,
            authority=known.authority,
            token_cache=cache,
            instance_discovery=False,
            timeout=_SECONDS,
        )

    client = _answered(known.authority, make)
    try:
        yield client
    finally:
        client.http_client.close()


def _login(origin: str, known: Renewal, client: Any, found: dict[str, Any]) -> Login:
    if "access_token" not in found:
        raise _refused(known.authority, found)
    who = next((each.get("username") for each in client.get_accounts() if each.get("username")), None)
    renewal = replace(known, cache=client.token_cache.serialize())
    expires = time.time() + float(found.get("expires_in", 0))
    return Login(origin, str(who or known.application), found["access_token"], expires, renewal)


def _answered(authority: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise CommandError(f"{authority} does not answer as an issuer of tokens does: {reason}") from None


def _refused(authority: str, answer: dict[str, Any]) -> CommandError:
    why = answer.get("error_description") or answer.get("error") or "no reason is given"
    return CommandError(f"{authority} refuses the login: {' '.join(str(why).split())[:500]}")
