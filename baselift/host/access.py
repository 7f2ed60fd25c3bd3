"""Who may call what: everybody everything, as with `func start`, or by the keys that a request shows."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from baselift.host.keyring import MASTER
from baselift.host.keystore import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from baselift.host.keystore import KeyStore
    from baselift.host.messages import Request


class Level(IntEnum):
    """What a key opens: its own kind of door. ADMIN opens every one, ANONYMOUS is open."""

    ANONYMOUS = 0
    FUNCTION = 1
    SYSTEM = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request may do, and the name of the key that says so; no name where no key is asked for."""

    level: Level
    key: str = ""

    def allows(self, needed: Level) -> bool:
        return needed in {Level.ANONYMOUS, self.level} or self.level is Level.ADMIN

    @property
    def is_master(self) -> bool:
        """Whether the master key itself was shown."""
        return self.key == MASTER


class Access(Protocol):
    """Finds out what a request may do; the keys of a function count only where `function` names it."""

    async def __call__(self, request: Request, function: str | None = None, /) -> Grant: ...


async def everyone_is_admin(_request: Request, _function: str | None = None, /) -> Grant:
    """Ask for no key."""
    return Grant(Level.ADMIN)


class ByKey:
    """Looks a request's key up in the host's keys and in the called function's."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    async def __call__(self, request: Request, function: str | None = None, /) -> Grant:
        shown = shown_key(request)
        if not shown:
            return Grant(Level.ANONYMOUS)
        names = (HOST,) if function is None else (HOST, function)
        for name in names:
            if found := _grant((await self._store.read(name)).sections, shown):
                return found
        for name in names:
            if found := _grant((await self._store.read_after_miss(name)).sections, shown):
                return found
        return Grant(Level.ANONYMOUS)


def shown_key(request: Request) -> str:
    """The key in the header `x-functions-key`, which wins, or in the query's `code`."""
    header = request.headers.get("x-functions-key")
    return header or next((value for name, value in request.query.items() if name.lower() == "code"), "")


_SECTIONS = {
    "masterKey": Level.ADMIN,
    "systemKeys": Level.SYSTEM,
    "functionKeys": Level.FUNCTION,
    "keys": Level.FUNCTION,
}


def _grant(sections: Mapping[str, Mapping[str, str]], shown: str) -> Grant | None:
    """The grant of the key with this value. Every key is compared, so the time tells nothing of where it is."""
    found = [
        Grant(_SECTIONS[section], MASTER if section == "masterKey" else name)
        for section, keys in sections.items()
        for name in _equal(keys, shown)
    ]
    return max(found, key=lambda grant: grant.level, default=None)


def _equal(keys: Mapping[str, str], shown: str) -> Iterable[str]:
    return [name for name, value in keys.items() if hmac.compare_digest(value.encode(), shown.encode())]


def required_level(auth_level: object) -> Level:
    """The level that a function's `authLevel` asks for; FUNCTION when it says nothing."""
    return Level.__members__.get(str(auth_level).upper(), Level.FUNCTION)
