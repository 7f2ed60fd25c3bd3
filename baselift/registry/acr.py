"""Azure Container Registry with a cloud identity: Entra token -> refresh token -> access token.

The two calls are ACR's own (``/oauth2/exchange``, ``/oauth2/token``). User and password need nothing of this, since
ACR's ``/oauth2/token`` also answers the GET of the distribution token specification.
"""

import base64
import time
from collections.abc import Mapping
from typing import Protocol

import aiohttp
from azure.core.exceptions import AzureError
from yarl import URL

from baselift.registry import answers
from baselift.registry.auth import Challenge, Token
from baselift.registry.errors import unreachable, unusable
from baselift.registry.hosts import Access
from baselift.registry.transport import connection_errors

_AUDIENCE = "https://containerregistry.azure.net/.default"
_LIMIT = 1024 * 1024
_MARGIN = 60
_DEFAULT_SECONDS = 60.0
_TIMEOUT = aiohttp.ClientTimeout(total=30)


class _Issued(Protocol):
    @property
    def token(self) -> str: ...


class Identity(Protocol):
    """What every asynchronous credential of azure-identity is."""

    async def get_token(self, *scopes: str) -> _Issued: ...


class IdentityTokens:
    """A `TokenSource` for ACR. The Entra token goes to the registry's own ``/oauth2/exchange`` and nowhere else.

    Args:
        identity: a credential of azure.identity.aio, which keeps its own cache.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._refresh: dict[str, tuple[str, float]] = {}

    async def token(self, access: Access, challenge: Challenge) -> Token:
        """An access token for `access.scopes`.

        Raises:
            RegistryUnreachable: no answer, or no Entra token to be had.
            RegistryError: the identity has no rights there.
        """
        service = challenge.parameters.get("service", access.registry)
        form = {"grant_type": "refresh_token", "service": service, "scope": " ".join(access.scopes)}
        form["refresh_token"] = await self.refresh_token(access, service)
        value = await _post(access, "oauth2/token", form, "access_token")
        return Token(value, max(_DEFAULT_SECONDS, _expiry(value) - time.time()))

    async def refresh_token(self, access: Access, service: str) -> str:
        """What access tokens come from. Raises as `token` does."""
        value, until = self._refresh.get(access.registry, ("", 0.0))
        if time.time() >= until - _MARGIN:
            form = {"grant_type": "access_token", "service": service, "access_token": await self._entra(access)}
            value = await _post(access, "oauth2/exchange", form, "refresh_token")
            self._refresh[access.registry] = (value, _expiry(value))
        return value

    async def _entra(self, access: Access) -> str:
        try:
            return (await self._identity.get_token(_AUDIENCE)).token
        except AzureError as error:
            reason = f"the cloud identity gave no token ({type(error).__name__})"
            raise unreachable(access.registry, access.operation, reason) from error


async def _post(access: Access, path: str, form: Mapping[str, str], wanted: str) -> str:
    url = URL(f"{str(access.root).rstrip('/')}/{path}")
    with connection_errors(access):
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, data=form, allow_redirects=False) as response,
        ):
            if response.status != 200:  # noqa: PLR2004
                raise await answers.refusal(response, access, " to the cloud identity")
            value = (answers.as_object(await answers.read(response, _LIMIT, access)) or {}).get(wanted)
    if not isinstance(value, str) or not value.isprintable():
        raise unusable(access.registry, access.operation, f"its /{path} gave no {wanted}")
    return value


def _expiry(jwt: str) -> float:
    """Seconds since 1970 at which a token ends; 0 where it does not say. Only for caching: nothing is trusted by it."""
    try:
        payload = base64.urlsafe_b64decode(jwt.split(".")[1] + "==")
    except (IndexError, ValueError):
        return 0.0
    ends = (answers.as_object(payload) or {}).get("exp")
    return float(ends) if isinstance(ends, int | float) else 0.0
