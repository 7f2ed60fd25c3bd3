"""The world's edge in a simulation: a clock, a registry, a store that loses messages and processes that die."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from baselift.domain.images import Reference

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_OPERATIONS = frozenset({"get", "insert", "replace", "upsert", "delete", "batch", "send", "find"})


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Clock:
    """Seconds since the beginning, turned by the simulation alone."""

    seconds: float = 0.0

    def __call__(self) -> datetime:
        return BEGIN + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Found:
    """What a tag names."""

    digest: str
    index: bool = False
    pause: float = 0.0


@dataclass
class Registry:
    """Tags and their digests."""

    tags: dict[str, str] = field(default_factory=dict)

    async def find(self, ref: Reference, _credential: object = None) -> Found | None:
        """What the tag names now."""
        digest = self.tags.get(str(ref))
        return None if digest is None else Found(digest)


@dataclass
class Faults:
    """Chance of each thing that may go wrong, and the dice."""

    rate: float
    dice: random.Random
    counted: dict[str, int] = field(default_factory=dict)

    def strike(self, kind: str, share: float = 1.0) -> bool:
        """Whether it goes wrong this time."""
        struck = self.rate > 0 and self.dice.random() < self.rate * share
        if struck:
            self.counted[kind] = self.counted.get(kind, 0) + 1
        return struck


class Process:
    """What one process sees of a part: it dies before or after one of its calls, or never."""

    def __init__(self, part: Any, faults: Faults, *, mortal: bool) -> None:
        self._part, self._faults = part, faults
        self._left = faults.dice.randrange(1, 60) if mortal else -1
        self._after = faults.dice.random() < 0.5 if mortal else False
        self._dead = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        if name not in _OPERATIONS:
            return method

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._call(name, method, *args, **kwargs)

        return call

    async def _call(self, name: str, method: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if self._dead:
            raise Killed
        self._left -= 1
        if self._left == 0 and not self._after:
            self._die()
        result = await self._send(method, *args) if name == "send" else await method(*args, **kwargs)
        if self._left == 0:
            self._die()
        if self._dead:
            raise Killed
        return result

    async def _send(self, method: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        if self._faults.strike("lost message"):
            return
        await method(*args)
        if self._faults.strike("doubled message"):
            await method(*args)

    def _die(self) -> None:
        self._dead = True
        self._faults.counted["crash"] = self._faults.counted.get("crash", 0) + 1
        raise Killed
