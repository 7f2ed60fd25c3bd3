"""Logs and sources in memory."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from baselift.app.ports import Conflict
from baselift.memory import rules

BLOCK = 4 << 20


@dataclass(slots=True)
class _Log:
    data: bytearray = field(default_factory=bytearray)
    metadata: dict[str, str] = field(default_factory=dict)
    holder: str | None = None
    """The lease id; kept after the lease ran out, until another takes it or the log changes: it can be renewed."""
    seconds: int = -1
    until: datetime | None = None
    """None for a lease without end."""

    def held(self, lease: str, now: datetime) -> bool:
        return self.holder == lease and (self.until is None or now < self.until)

    def take(self, lease: str, seconds: int, now: datetime) -> None:
        self.holder, self.seconds = lease, seconds
        self.until = None if seconds < 0 else now + timedelta(seconds=seconds)


class MemoryBlobs:
    """Implements `Blobs`. KeyError names a blob that is not there."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._now = clock
        self._logs: dict[str, _Log] = {}
        self._sources: dict[str, tuple[bytes, datetime]] = {}

    async def create_log(self, name: str) -> None:
        await asyncio.sleep(0)
        self._logs.setdefault(name, _Log())

    async def lease(self, name: str, seconds: int) -> str:
        await asyncio.sleep(0)
        lease = str(uuid.uuid4())
        self._logs[name].take(lease, -1 if seconds < 0 else min(max(seconds, 15), 60), self._now())
        return lease

    async def renew(self, name: str, lease: str) -> None:
        await asyncio.sleep(0)
        log = self._logs[name]
        if log.holder != lease:
            raise Conflict(f"log {name}: the lease is lost")
        log.take(lease, log.seconds, self._now())

    async def release(self, name: str, lease: str) -> None:
        await asyncio.sleep(0)
        log = self._logs.get(name)
        if log is not None and log.holder == lease:
            log.holder = None

    async def append(self, name: str, data: bytes, lease: str) -> None:
        await asyncio.sleep(0)
        if not 1 <= len(data) <= BLOCK:
            raise ValueError(f"log {name}: a block of {len(data)} bytes; 1 to {BLOCK} are right")
        log = self._logs[name]
        if not log.held(lease, self._now()):
            raise Conflict(f"log {name}: the lease is lost")
        log.data += data

    async def mark(self, name: str, metadata: dict[str, str]) -> None:
        await asyncio.sleep(0)
        rules.metadata(name, metadata)
        log = self._logs[name]
        log.holder = None
        log.metadata = dict(metadata)

    async def read_log(self, name: str, offset: int = 0) -> tuple[bytes, dict[str, str]]:
        await asyncio.sleep(0)
        log = self._logs.get(name, _Log())
        return bytes(log.data[offset:]), dict(log.metadata)

    async def read_part(self, name: str, offset: int, size: int) -> tuple[bytes, int, dict[str, str]]:
        await asyncio.sleep(0)
        log = self._logs.get(name, _Log())
        return bytes(log.data[offset : offset + size]), len(log.data), dict(log.metadata)

    async def tail(self, name: str, size: int) -> tuple[bytes, dict[str, str]]:
        await asyncio.sleep(0)
        log = self._logs.get(name, _Log())
        return bytes(log.data[max(0, len(log.data) - size) :]), dict(log.metadata)

    async def delete_log(self, name: str) -> None:
        await asyncio.sleep(0)
        self._logs.pop(name, None)

    async def uploads(self) -> AsyncIterator[tuple[str, datetime]]:
        await asyncio.sleep(0)
        for name, (_, changed) in sorted(self._sources.items()):
            yield name, changed

    async def delete_upload(self, name: str) -> None:
        await asyncio.sleep(0)
        self._sources.pop(name, None)

    async def read_url(self, name: str, seconds: int) -> str:
        await asyncio.sleep(0)
        return f"memory://logs/{name}?seconds={seconds}"

    async def upload_url(self, name: str, seconds: int) -> str:
        await asyncio.sleep(0)
        return f"memory://sources/{name}?seconds={seconds}"

    async def download(self, name: str, into: Path, limit: int) -> None:
        await asyncio.sleep(0)
        data, _ = self._sources[name]
        if len(data) > limit:
            raise ValueError(f"source {name} has {len(data)} bytes; at most {limit} are right")
        await asyncio.to_thread(into.write_bytes, data)

    def upload(self, name: str, data: bytes) -> None:
        """What a client does with an upload link."""
        self._sources[name] = (data, self._now())
