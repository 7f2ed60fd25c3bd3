"""Reading answers: bounded bodies, and errors as the registry words them."""

import json
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp

from baselift.registry.errors import RegistryError, unusable
from baselift.registry.hosts import Access

_ERROR_BYTES = 64 * 1024
_WORDS = 300
_NOT_ALLOWED = frozenset({401, 403})


async def read(response: aiohttp.ClientResponse, limit: int, access: Access) -> bytes:
    """The whole body, at most `limit` bytes.

    Raises:
        RegistryError: it is longer.
    """
    body = await _head(response, limit + 1)
    if len(body) > limit:
        raise unusable(access.registry, access.operation, f"the body is larger than {limit} bytes")
    return body


async def refusal(response: aiohttp.ClientResponse, access: Access, whom: str | None = None) -> RegistryError:
    """The error for a status nobody wanted, with the registry's own code and message (distribution spec).

    `whom`, such as `` to user 'x'``, is said of a 401 or 403 where `access` does not know it.
    """
    code, message = _own_words(await _head(response, _ERROR_BYTES))
    words = ": ".join(filter(None, (code, message))) or _phrase(response.status)
    to = _to_whom(access, whom) if response.status in _NOT_ALLOWED else ""
    return RegistryError(
        access.registry,
        access.operation,
        f"refused {access.operation}{to}: {hidden(words, access)}",
        status=response.status,
        code=code,
        retry_after=_retry_after(response.headers.get("Retry-After")),
    )


def _to_whom(access: Access, whom: str | None) -> str:
    named = f" to user '{hidden(access.credential.username, access)}'" if access.credential else " without a login"
    return whom or named


def hidden(text: str, access: Access) -> str:
    """`text` in one line, without the password should the registry have echoed it."""
    secret = access.credential.password if access.credential else ""
    clean = text.replace(secret, "***") if secret else text
    return " ".join("".join(c if c.isprintable() else " " for c in clean).split())[:_WORDS]


def as_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`, or None where it holds anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


async def _head(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) >= limit:
            break
    return bytes(body[:limit])


def _own_words(body: bytes) -> tuple[str | None, str | None]:
    value = as_object(body) or {}
    errors = value.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else value
    code, message = first.get("code"), first.get("message") or first.get("details")
    return (code if isinstance(code, str) else None), (message if isinstance(message, str) else None)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _retry_after(value: str | None) -> float | None:
    """Seconds, from either form of RFC 9110, section 10.2.3."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
