"""Targets: who is told of what happens in a registry. They are resources, `registries/webhooks`, as in ACR.

What is secret of one (its address, headers and key) is kept as one sealed text, `properties.callback`.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from baselift.app import resource_names
from baselift.app.ports import Row, Tables

WEBHOOKS, PARTITION = "webhooks", "webhook"
FRESH = timedelta(seconds=5)
"""How long another process's change may go unseen."""
REST, LONGEST_REST = timedelta(seconds=30), timedelta(hours=1)
"""How long a target that gives no answer is left alone, at first and at most."""

Unseal = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Callback:
    """How a target is reached."""

    uri: str
    headers: Mapping[str, str]
    secret: str = ""
    """Signs what is sent; of an Event Grid topic its access key, empty where this machine's identity publishes."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target as stored."""

    registry: str
    name: str
    document: Mapping[str, Any]
    """The resource, its callback sealed."""
    etag: str = ""

    @property
    def enabled(self) -> bool:
        """False while it is told nothing."""
        return bool(self.document["properties"]["status"] == "enabled")

    @property
    def actions(self) -> Sequence[str]:
        """What it is told of."""
        return tuple(self.document["properties"]["actions"])

    @property
    def scope(self) -> str:
        """Task that it is told of, ``*`` in it for any text; empty: the whole registry."""
        return str(self.document["properties"].get("scope") or "")

    @property
    def topic(self) -> bool:
        """True for a custom topic of Event Grid."""
        return bool(self.document["properties"]["kind"] == "eventgrid")

    @property
    def source(self) -> str:
        """Id of its registry, the source of its events."""
        return str(self.document["id"]).rpartition("/webhooks/")[0]

    def callback(self, unseal: Unseal) -> Callback:
        """How it is reached. Raises ValueError where what was sealed cannot be opened."""
        opened = json.loads(unseal(self.document)["properties"]["callback"])
        return Callback(opened["serviceUri"], opened.get("customHeaders") or {}, opened.get("secret") or "")


class Targets:
    """What is known of targets in one process: all that there are, a few seconds old, and which give no answer."""

    def __init__(self) -> None:
        self._known: Mapping[str, Sequence[Target]] = {}
        self._until: datetime | None = None
        self._lock = asyncio.Lock()
        self._rests: dict[str, tuple[datetime, timedelta]] = {}

    async def of(self, tables: Tables, now: datetime, registry: str) -> Sequence[Target]:
        """The targets of a registry that are told of something. At most one request in `FRESH`, for all registries."""
        return (await self._all(tables, now)).get(registry.lower(), ())

    async def any(self, tables: Tables, now: datetime) -> bool:
        """Whether any registry has a target."""
        return bool(await self._all(tables, now))

    async def _all(self, tables: Tables, now: datetime) -> Mapping[str, Sequence[Target]]:
        async with self._lock:
            if self._until is None or now >= self._until:
                self._known, self._until = await _by_registry(tables), now + FRESH
            return self._known

    def changed(self) -> None:
        """What is known is old."""
        self._until = None

    def rest(self, place: str, now: datetime) -> None:
        """A target gave no answer: it is left alone, twice as long each time, so that others need not wait for it."""
        until, last = self._rests.get(place, (now, timedelta()))
        if until <= now:
            pause = min(max(REST, last * 2), LONGEST_REST)
            self._rests[place] = now + pause, pause

    def answers(self, place: str) -> None:
        """A target gave an answer."""
        self._rests.pop(place, None)

    def resting(self, place: str, now: datetime) -> datetime | None:
        """Until when a target is left alone."""
        until, _ = self._rests.get(place, (now, None))
        return until if until > now else None


async def every(tables: Tables, registry: str) -> list[Target]:
    """All targets of a registry, by name."""
    low = f"{registry.lower()}|"
    rows = tables.query(WEBHOOKS, partition=PARTITION, keys=(low, f"{low}~"))
    return [_decode(row) async for row in rows]


async def get(tables: Tables, registry: str, name: str) -> Target | None:
    """One target; names are case-insensitive."""
    if not resource_names.possible(name):
        return None
    row = await tables.get(WEBHOOKS, PARTITION, _key(registry, name))
    return None if row is None else _decode(row)


async def save(tables: Tables, target: Target) -> Target:
    """Write a target, new where it was not read. Raises Conflict, Stale."""
    values = {"registry": target.registry, "name": target.name, "doc": json.dumps(target.document)}
    row = Row(PARTITION, _key(target.registry, target.name), values, target.etag)
    etag = await (tables.replace(WEBHOOKS, row) if target.etag else tables.insert(WEBHOOKS, row))
    return replace(target, etag=etag)


async def remove(tables: Tables, registry: str, name: str) -> None:
    """Forget a target; one that is not there is no error."""
    await tables.delete(WEBHOOKS, PARTITION, _key(registry, name))


async def _by_registry(tables: Tables) -> dict[str, list[Target]]:
    found: dict[str, list[Target]] = {}
    async for row in tables.query(WEBHOOKS, partition=PARTITION):
        if (target := _decode(row)).enabled:
            found.setdefault(target.registry.lower(), []).append(target)
    return found


def _decode(row: Row) -> Target:
    return Target(row.text("registry"), row.text("name"), json.loads(row.text("doc")), row.etag)


def _key(registry: str, name: str) -> str:
    return f"{registry.lower()}|{name.lower()}"
