"""A run's log while a builder writes it.

An append blob under a lease: whoever takes the lease continues the same log, and the earlier writer's appends fail.
Whole CRLF lines are flushed every `poll` seconds or 64 KB, since an append blob holds 50,000 blocks and the Azure CLI
prints nothing before it sees CRLF.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self

from baselift.app.ports import Conflict
from baselift.app.world import World

CHUNK = 64 * 1024
LEASE = 60
"""Seconds; the longest that a finite blob lease lasts."""

log = logging.getLogger(__name__)


def hidden(text: str, secrets: Sequence[str]) -> str:
    """The text with stars in the place of every secret."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


class RunLog:
    """Appends lines to the log blob in the background, and the rest when it is left without an error.

    Leaving raises Conflict when another builder continues the log.
    """

    def __init__(self, world: World, name: str, still_ours: Callable[[], Awaitable[Any]] | None = None) -> None:
        """`still_ours` raises when the run is another's: a log lease that only ran out is then taken again."""
        self._world, self._name, self._still_ours = world, name, still_ours
        self._lease = ""
        self._secrets: Sequence[str] = ()
        self._lines = bytearray()
        self._partial = bytearray()
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._pump: asyncio.Task[None] | None = None
        self._flushing: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        self._lease = await self._take()
        self._pump = asyncio.create_task(self._run())
        return self

    async def _take(self) -> str:
        try:
            return await self._world.blobs.lease(self._name, LEASE)
        except KeyError:
            # It was there before the run was: somebody deleted it.
            await self._world.blobs.create_log(self._name)
            return await self._world.blobs.lease(self._name, LEASE)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
        if error is None:
            if self._partial:
                await self.write(b"\n")
            await self._last_flush()

    async def _last_flush(self) -> None:
        try:
            await self.flush()
        except Conflict:
            if self._still_ours is None:
                raise
            await self._still_ours()
            self._lease = await self._world.blobs.lease(self._name, LEASE)
            await self.flush()

    def hide(self, secrets: Sequence[str]) -> None:
        """Show no line of our own with these values. Output of engines comes without them already."""
        self._secrets = secrets

    async def line(self, text: str) -> None:
        """Add one line of our own."""
        await self.write(hidden(text, self._secrets).encode() + b"\n")

    async def write(self, data: bytes) -> None:
        """Add output. Waits while the store is slower than the build."""
        self._partial += data
        *whole, rest = self._partial.split(b"\n")
        self._partial = bytearray(rest)
        self._lines += b"".join(line.rstrip(b"\r") + b"\r\n" for line in whole)
        if len(self._lines) >= CHUNK:
            self._wake.set()
        while len(self._lines) >= 4 * CHUNK:
            await self.flush()

    async def flush(self) -> None:
        """Bring every whole line that was written into the blob.

        When cancelled, what is under way still ends: of a block that was sent nobody could say whether the blob has it.

        Raises:
            Conflict: another builder continues this log.
        """
        # Kept, since the event loop alone would let go of what nobody waits for any more.
        self._flushing = asyncio.ensure_future(self._flush())
        await asyncio.shield(self._flushing)

    async def _flush(self) -> None:
        async with self._writing:
            while self._lines:
                block = bytes(self._lines[: 16 * CHUNK])
                await self._world.blobs.append(self._name, block, self._lease)
                del self._lines[: len(block)]

    async def _run(self) -> None:
        renewed = self._world.now()
        while True:
            # Not wait_for: that of Python 3.11 loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._world.poll):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.flush()
                if (self._world.now() - renewed).total_seconds() > LEASE / 4:
                    await self._world.blobs.renew(self._name, self._lease)
                    renewed = self._world.now()
            except Conflict:
                # The run's own lease decides who goes on; a log that was taken over is only a sign of it.
                log.warning("log %s is written by another builder now", self._name)
                return
