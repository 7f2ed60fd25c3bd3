"""A process that dies at a chosen call: everything it would have done after that is not done.

The calls of a run are numbered as they are made. Death comes before a call (it never happened) or after it (it happened
or was refused, and the caller never learned). A dead process makes no further call: its open files and children go
with it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from baselift.app.world import World

STORE = (
    "get",
    "insert",
    "replace",
    "upsert",
    "delete",
    "batch",
    "send",
    "depth",
    "create_log",
    "lease",
    "renew",
    "release",
)
LOGS = ("append", "mark", "read_log", "tail")
REGISTRY = ("digest", "find", "platforms", "resolve", "publish", "tag", "untag", "delete", "standing")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Process:
    """Counts calls and dies at one of them."""

    at: int | None = None
    after: bool = False
    calls: list[str] = field(default_factory=list)
    dead: bool = False

    def wrap(self, part: Any, names: tuple[str, ...], kind: str) -> Any:
        return _Part(self, part, names, kind)

    def world(self, world: World) -> World:
        store = self.wrap(world.tables, (*STORE, *LOGS), "store")
        registries = self.wrap(world.registries, REGISTRY, "registry")
        return replace(world, tables=store, queues=store, blobs=store, registries=registries)

    async def call(self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.dead:
            raise Killed
        number = len(self.calls)
        self.calls.append(name)
        if number == self.at and not self.after:
            self.dead = True
            raise Killed
        try:
            return await method(*args, **kwargs)
        finally:
            self.dead = self.dead or number == self.at
            if self.dead:
                raise Killed


class _Part:
    def __init__(self, process: Process, part: Any, names: tuple[str, ...], kind: str) -> None:
        self._process, self._part, self._names, self._kind = process, part, names, kind

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        if name not in self._names:
            return method
        return lambda *args, **kwargs: self._process.call(f"{self._kind}.{name}", method, *args, **kwargs)


async def until_death(work: Any) -> bool:
    """Let a process work; False when it died."""
    task = asyncio.ensure_future(work)
    await asyncio.wait([task])
    error = task.exception()
    if error is None:
        return True
    if isinstance(error, Killed) or (isinstance(error, BaseExceptionGroup) and error.subgroup(Killed)):
        return False
    raise error
