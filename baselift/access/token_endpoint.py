"""The token endpoint: client credentials for a token (RFC 6749 section 4.4), as ADFS spells its errors."""

import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from baselift.access.clients import LoginFailed, TooManyAttempts

if TYPE_CHECKING:  # signing is imported on first use: the app must be indexed quickly
    from baselift.access.tokens import Grant, Tokens

LARGEST = 16 * 1024
"""Bytes of a form."""
_FIELDS = 32
_FORM = "application/x-www-form-urlencoded"
_MINIMAL = frozenset({"openid", "profile", "email", "offline_access"})
_RESOURCE_MANAGER = frozenset({"https://management.core.windows.net", "https://management.azure.com"})
"""What a cloud that was registered by hand asks for; its tokens are for us all the same."""
_WRONG_SECRET, _NO_SECRET = 7000215, 7000218

LogIn = Callable[[str, str], Awaitable["Grant"]]
"""From a client id and a secret to what the client may. Raises LoginFailed, TooManyAttempts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: JSON, never to be kept by anyone between us and the client."""

    status: int
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: {"Cache-Control": "no-store"})


class _Bad(Exception):
    def __init__(self, error: str, description: str, status: int = 400, *, number: int | None = None) -> None:
        super().__init__(description)
        codes = {} if number is None else {"error_codes": [number]}
        self.answer = Answer(status, {"error": error, "error_description": description, **codes})


class TokenEndpoint:
    """Answers forms with tokens. `audiences`: those for which a client may ask, all of them meaning this app."""

    def __init__(self, log_in: LogIn, tokens: "Tokens", audiences: Collection[str]) -> None:
        self._log_in = log_in
        self._tokens = tokens
        self._resources = {audience.rstrip("/") for audience in audiences} | _RESOURCE_MANAGER

    async def answer(self, content_type: str, form: bytes) -> Answer:
        """The answer to a form; errors are answers too, with a description that the Azure CLI shows."""
        try:
            grant = await self._grant(_fields(content_type, form))
        except _Bad as bad:
            return bad.answer
        except LoginFailed:
            description = "The client id or the client secret is wrong."
            return _Bad("invalid_client", description, 401, number=_WRONG_SECRET).answer
        except TooManyAttempts as error:
            return _later(math.ceil(error.seconds))
        token = self._tokens.issue(grant, time.time())
        return Answer(200, {"token_type": "Bearer", "expires_in": self._tokens.seconds, "access_token": token})

    async def _grant(self, fields: Mapping[str, str]) -> "Grant":
        kind = fields.get("grant_type", "")
        if kind != "client_credentials":
            raise _Bad("unsupported_grant_type", "Log in as a client: 'az login --service-principal -u ID -p SECRET'.")
        if not fields.get("client_id"):
            raise _Bad("invalid_request", "The form has no client_id.")
        if not fields.get("client_secret"):
            raise _Bad("invalid_client", "The form has no client_secret.", 401, number=_NO_SECRET)
        self._check_scope(fields.get("scope", ""))
        return await self._log_in(fields["client_id"], fields["client_secret"])

    def _check_scope(self, scope: str) -> None:
        """A client that asks for a token for somebody else would send ours there."""
        wanted = [word for word in scope.split() if word not in _MINIMAL]
        if not all(word.removesuffix("/.default").rstrip("/") in self._resources for word in wanted):
            ours = " ".join(sorted(f"{resource}/.default" for resource in self._resources - _RESOURCE_MANAGER))
            raise _Bad("invalid_scope", f"Tokens are only for this app: the scope must be {ours}")


def no_device_code() -> Answer:
    """The answer to those who would log in by device code."""
    return _Bad("unauthorized_client", "There is no login by device code here: use a client id and secret.").answer


def _fields(content_type: str, form: bytes) -> dict[str, str]:
    if content_type.partition(";")[0].strip().lower() != _FORM:
        raise _Bad("invalid_request", f"The content type must be {_FORM}.")
    if len(form) > LARGEST:
        raise _Bad("invalid_request", f"The form has {len(form)} bytes: the limit is {LARGEST}.", 413)
    try:
        pairs = parse_qsl(form.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise _Bad("invalid_request", f"The form must be UTF-8 with at most {_FIELDS} fields.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _Bad("invalid_request", "The form has a field twice.")
    return fields


def _later(seconds: int) -> Answer:
    description = f"Too many logins of this client failed: try again in {seconds} s."
    body = {"error": "temporarily_unavailable", "error_description": description}
    return Answer(429, body, {"Cache-Control": "no-store", "Retry-After": str(seconds)})
