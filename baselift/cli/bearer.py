"""Tokens go to the one server they are for: the same scheme, host and port, and never over plain http elsewhere."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from baselift.access.loopback import is_loopback
from baselift.cli.errors import CommandError

_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> str:
    """``scheme://host:port`` of an address, in lower case, the port always there (RFC 6454).

    Raises:
        ValueError: the address has no host, a scheme that is neither http nor https, or a port that is none.
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in _PORTS:
        raise ValueError(f"{url!r} is no http or https address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or _PORTS[parts.scheme]}"


def check_private(where: str) -> None:
    """Raise CommandError when an origin would get secrets in clear over a network."""
    scheme, _, authority = where.partition("://")
    if scheme != "https" and not is_loopback(authority):
        raise CommandError(f"no token and no secret is sent to {where} without TLS: use https")


class Bearer(SansIOHTTPPolicy[Any, Any]):
    """Adds the token to requests to one origin, also when a redirect or a link leads a request away from it.

    Args:
        where: the origin.
        token: gives the token, None where there is none; asked once, at the first request.
    """

    def __init__(self, where: str, token: Callable[[], str | None]) -> None:
        self._where = where
        self._ask = token
        self._token: str | None = None
        self._asked = False

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Set the header, or take away what another policy set. Raises CommandError."""
        headers = request.http_request.headers
        headers.pop("Authorization", None)
        if not _is(self._where, request.http_request.url):
            return
        if not self._asked:
            self._token, self._asked = self._ask(), True
        if self._token is not None:
            check_private(self._where)
            headers["Authorization"] = f"Bearer {self._token}"


def _is(where: str, url: str) -> bool:
    try:
        return origin(url) == where
    except ValueError:
        return False
