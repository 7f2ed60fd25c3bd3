"""Logging in at a registry, by the challenge it gives (RFC 9110 section 11, distribution token specification)."""

import asyncio
import base64
import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from baselift.domain.builds import Credential
from baselift.registry.errors import RegistryError
from baselift.registry.hosts import Access

_USABLE = 0.9
"""Part of a token's life in which it is used: clocks differ, and a request takes time."""
_MOST_TOKENS = 1024
_PART = re.compile(
    r'(?:(?P<scheme>[A-Za-z][\w-]*)\s+)?(?P<key>[A-Za-z][\w-]*)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]+))'
)
_BARE_SCHEME = re.compile(r"\s*([A-Za-z][\w-]*)\s*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in that a registry offers; scheme in lower case."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the seconds it is good for."""

    value: str = field(repr=False)
    seconds: float


class TokenSource(Protocol):
    """Where bearer tokens come from: the challenge's realm, or a cloud identity."""

    async def token(self, access: Access, challenge: Challenge) -> Token:
        """A token for `access.scopes`. Raises RegistryError when it is refused."""
        ...


def challenges(headers: Sequence[str]) -> list[Challenge]:
    """Parse WWW-Authenticate headers; what cannot be read is left out."""
    found: list[tuple[str, dict[str, str]]] = []
    for header in headers:
        if bare := _BARE_SCHEME.fullmatch(header):
            found.append((bare[1].lower(), {}))
        for part in _PART.finditer(header):
            if part["scheme"]:
                found.append((part["scheme"].lower(), {}))
            if found:
                quoted = part["quoted"]
                value = part["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                found[-1][1][part["key"].lower()] = value
    return [Challenge(scheme, parameters) for scheme, parameters in found]


_Key = tuple[str, tuple[str, ...], Credential | None]


class Logins:
    """Authorization headers, with what is known kept: a host's challenge, and tokens until they run out.

    Args:
        realm: the token source for every registry without one of its own.
        sources: registry host -> token source for requests without a credential of their own.
    """

    def __init__(self, realm: TokenSource, sources: Mapping[str, TokenSource]) -> None:
        self._realm = realm
        self._sources = sources
        self._known: dict[str, Challenge] = {}
        self._tokens: dict[_Key, tuple[str, float]] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def header(self, access: Access) -> str | None:
        """What to send at once: None where the registry never asked for anything."""
        challenge = self._known.get(access.registry)
        if challenge is None or (challenge.scheme == "basic" and access.credential is None):
            return None
        return await self._answer(access, challenge, refused=None)

    async def after_refusal(self, access: Access, offered: Sequence[Challenge], refused: str | None) -> str | None:
        """What to send after a 401 to `refused`; None when nothing else can be tried.

        Raises:
            RegistryError: a token was refused, or a user and password are wanted and there are none.
        """
        challenge = next((c for scheme in ("bearer", "basic") for c in offered if c.scheme == scheme), None)
        if challenge is None:
            return None
        self._known[access.registry] = challenge
        header = await self._answer(access, challenge, refused)
        return None if header == refused else header

    async def _answer(self, access: Access, challenge: Challenge, refused: str | None) -> str:
        if challenge.scheme == "basic":
            return _basic(access)
        key = (access.registry, access.scopes, access.credential)
        async with self._asking[access.registry]:
            header, until = self._tokens.get(key, ("", 0.0))
            if header == refused or time.monotonic() >= until:
                token = await self._source(access).token(access, challenge)
                header = f"Bearer {token.value}"
                self._keep(key, header, token.seconds)
        return header

    def _source(self, access: Access) -> TokenSource:
        return self._realm if access.credential else self._sources.get(access.registry, self._realm)

    def _keep(self, key: _Key, header: str, seconds: float) -> None:
        now = time.monotonic()
        if len(self._tokens) >= _MOST_TOKENS:
            alive = {k: v for k, v in self._tokens.items() if v[1] > now}
            self._tokens = alive if len(alive) < _MOST_TOKENS else {}
        self._tokens[key] = (header, now + seconds * _USABLE)


def _basic(access: Access) -> str:
    if access.credential is None:
        raise RegistryError(
            access.registry,
            access.operation,
            f"refused {access.operation}: it wants a user and a password, and none is set for it",
            status=401,
        )
    return basic(access.credential, access)


def basic(credential: Credential, access: Access) -> str:
    """The Basic header. Raises RegistryError for a user name with a colon, which the scheme cannot carry."""
    if ":" in credential.username:
        problem = (
            f"cannot be asked for {access.operation}: the user name '{credential.username}' set for it holds a ':'"
        )
        raise RegistryError(access.registry, access.operation, problem)
    pair = f"{credential.username}:{credential.password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
