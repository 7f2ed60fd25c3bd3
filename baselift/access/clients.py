"""Clients: ids with a role and a hashed secret, as the setting BASELIFT_CLIENTS lists them."""

import asyncio
import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from baselift.access.attempts import Attempts
from baselift.access.caller import Role
from baselift.access.hashes import check_hash, hash_secret, verify_secret

ROLES = {"reader": Role.READER, "contributor": Role.CONTRIBUTOR}
_ID = re.compile(r"[A-Za-z0-9._@-]{1,128}")
_AT_ONCE = 2
"""Secrets checked at the same time: each takes a processor and tens of megabytes."""
_WAITING = 32
_UNKNOWN = ""

log = logging.getLogger(__name__)


class LoginFailed(Exception):
    """The id or the secret is wrong; which of them is not said."""


class TooManyAttempts(Exception):
    """`seconds` from now one more attempt is allowed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Client:
    """A client that may log in."""

    id: str
    role: Role
    hash: str = field(repr=False)

    @property
    def credential(self) -> str:
        """A name for the client's secret, by which tokens end with it. Tells nothing about the secret."""
        return hashlib.sha256(self.hash.encode()).hexdigest()[:16]


class Clients:
    """The clients of one app. Belongs to the event loop that first awaits it."""

    def __init__(self, clients: Iterable[Client], attempts: Attempts | None = None) -> None:
        self._clients = {client.id: client for client in clients}
        self._attempts = attempts or Attempts()
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobody: str | None = None

    def get(self, identifier: str) -> Client | None:
        return self._clients.get(identifier)

    async def log_in(self, identifier: str, secret: str) -> Client:
        """The client whose id and secret these are.

        An unknown id takes as long as a known one. All unknown ids share their attempts, so memory stays bounded.

        Raises:
            LoginFailed: there is no such pair.
            TooManyAttempts: too many failed, or too many are waiting to be checked.
        """
        client = self._clients.get(identifier)
        key = client.id if client else _UNKNOWN
        if wait := self._attempts.take(key):
            raise TooManyAttempts(wait)
        if not await self._matches(client, secret):
            log.warning("a login failed for %s", f"client {client.id}" if client else "an unknown client")
            raise LoginFailed
        self._attempts.give_back(key)
        assert client is not None  # noqa: S101  # for the type checker: nothing matches no client
        return client

    async def _matches(self, client: Client | None, secret: str) -> bool:
        if self._waiting >= _WAITING:
            raise TooManyAttempts(1)
        self._waiting += 1
        try:
            async with self._gate:
                return await asyncio.to_thread(self._check, client, secret)
        finally:
            self._waiting -= 1

    def _check(self, client: Client | None, secret: str) -> bool:
        if client is not None:
            return verify_secret(secret, client.hash)
        self._nobody = self._nobody or hash_secret("")
        verify_secret(secret, self._nobody)
        return False


def parse(text: str) -> tuple[Client, ...]:
    """Read a list of clients.

    Args:
        text: words ``id:role:hash`` between blanks or commas, or a JSON list of ``{"id", "role", "hash"}``.

    Raises:
        ValueError: naming every entry that is wrong by its place, and what would be right; hashes are left out.
    """
    entries = (
        _json(text) if text.lstrip().startswith("[") else [word.split(":") for word in text.replace(",", " ").split()]
    )
    problems = [problem for place, entry in enumerate(entries, 1) if (problem := _problem(place, entry))]
    counted = Counter(str(entry[0]) for entry in entries if entry)
    problems += [f"client '{identifier}' is there twice" for identifier, times in counted.items() if times > 1]
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(Client(identifier, ROLES[role], hashed) for identifier, role, hashed in entries)


def _json(text: str) -> list[list[Any]]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it begins with '[' and is no JSON list") from None
    return [[entry.get(name) for name in ("id", "role", "hash")] if isinstance(entry, dict) else [] for entry in given]


def _problem(place: int, entry: list[Any]) -> str | None:
    match entry:
        case [str(identifier), str(role), str(hashed)]:
            return _wrong(place, identifier, role, hashed)
        case _:
            return f"entry {place} must be id:role:hash, or in JSON an object of the texts id, role and hash"


def _wrong(place: int, identifier: str, role: str, hashed: str) -> str | None:
    if not _ID.fullmatch(identifier):
        return f"entry {place}: the id must be 1 to 128 letters, digits, '.', '_', '@' and '-'"
    if role not in ROLES:
        return f"client '{identifier}': the role must be one of {', '.join(ROLES)}"
    try:
        check_hash(hashed)
    except ValueError as error:
        return f"client '{identifier}': {error}"
    return None
