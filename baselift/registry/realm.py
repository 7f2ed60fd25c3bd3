"""The request to a token server and its answer (distribution token specification)."""

from yarl import URL

from baselift.registry.answers import as_object
from baselift.registry.auth import Challenge, Token, basic
from baselift.registry.errors import unusable
from baselift.registry.hosts import Access

_DEFAULT_SECONDS = 60.0
"""What the specification says for an answer without ``expires_in``."""


def token_request(access: Access, challenge: Challenge) -> tuple[URL, str | None]:
    """Address and Authorization header of the request for a token for `access.scopes`.

    Raises:
        RegistryError: the challenge names no absolute realm.
    """
    realm = challenge.parameters.get("realm", "")
    try:
        url = URL(realm)
    except ValueError:
        url = URL()
    if not url.host:
        raise unusable(access.registry, access.operation, "its challenge names no token server (realm)")
    service = challenge.parameters.get("service")
    named = [("service", service)] if service else []
    url = url.extend_query([*named, *(("scope", scope) for scope in access.scopes)])
    return url, basic(access.credential, access) if access.credential else None


def read_token(body: bytes, access: Access) -> Token:
    """The token in a token server's answer. Raises RegistryError when there is none."""
    value = as_object(body) or {}
    token = value.get("token") or value.get("access_token")
    if not isinstance(token, str) or not token.isprintable():
        raise unusable(access.registry, access.operation, "its token server gave no token")
    seconds = value.get("expires_in")
    return Token(token, float(seconds) if isinstance(seconds, int | float) and seconds > 0 else _DEFAULT_SECONDS)
