"""Requests as far as access reads them, callers, and what is said to those who may not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol


class Role(IntEnum):
    """What a caller may do; a higher role may do all that a lower one may. A reader is shown no secrets."""

    READER = 1
    CONTRIBUTOR = 2


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a name for people to read, and a role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request without its body; header names in any case."""

    method: str
    url: str
    headers: Mapping[str, str]

    def header(self, name: str) -> str | None:
        """A header's value; several values are joined by commas, so that none of them is overlooked."""
        found = [value for key, value in self.headers.items() if key.lower() == name]
        return ",".join(found) if found else None


class Denied(Exception):
    """The caller may not; the message is for the caller.

    Args:
        status: 401 (who are you?), 403 (not you), 503 (whether you may cannot be found out now).
        code: as Azure Resource Manager spells it.
        message: what is wrong and what would be right; nothing from the request is repeated in it.
        challenge: the WWW-Authenticate header that a 401 carries (RFC 6750 section 3).
    """

    def __init__(self, status: int, code: str, message: str, challenge: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.challenge = challenge

    def body(self) -> dict[str, Any]:
        """The JSON document of the answer, as the API prints errors."""
        return {"error": {"code": self.code, "message": self.message}}

    def headers(self) -> dict[str, str]:
        """The headers that belong to the answer."""
        return {"WWW-Authenticate": self.challenge} if self.challenge else {}


class Gate(Protocol):
    """One mode's way to find out who calls."""

    async def caller(self, request: Incoming) -> Caller:
        """Who calls. Raises Denied."""
        ...


def no_token() -> Denied:
    """401 for a request that brings no token."""
    message = "The request has no token: send 'Authorization: Bearer <token>'; 'az login' or 'baselift login' gets one."
    return Denied(401, "AuthenticationFailed", message, 'Bearer realm="baselift"')


def bad_token(reason: str) -> Denied:
    """401 for a token that is no good; `reason` is one of our own sentences."""
    challenge = f'Bearer realm="baselift", error="invalid_token", error_description="{reason}"'
    return Denied(401, "InvalidAuthenticationToken", f"{reason}: log in again.", challenge)


def forbidden(message: str) -> Denied:
    """403: it is known who calls, and that is not enough."""
    return Denied(403, "AuthorizationFailed", message)


def enough(caller: Caller, needs: Role) -> Caller:
    """The caller, when it may. Raises Denied 403."""
    if caller.role < needs:
        raise forbidden(f"You are a {caller.role.name.lower()}: this needs the role {needs.name.lower()}.")
    return caller


def undecided(message: str) -> Denied:
    """503: who calls cannot be found out now; the same request may pass later."""
    return Denied(503, "ServiceUnavailable", message)
