"""When steps of a build begin, by BuildKit's plain progress, so that none is ended while it is being started.

BuildKit before 0.15 (in Docker 26, say) watches for the end of a build until its step has a process, and not while
runc starts one: a step whose build is ended just then runs to its own end (``runcexecutor.runcProcessHandle``).
"""

import asyncio
import re
import time
from collections.abc import Awaitable
from typing import Final, TypeVar

from baselift.engines.process import Sink, to_the_end

PAUSE: Final = 1.0
"""Seconds that a step has to get its process; much less is usual."""
LONGEST: Final = 5.0
"""Seconds that an end is put off at most, however many steps begin."""
_BEGIN: Final = re.compile(rb"(?m)^#\d+ \[")
_T = TypeVar("_T")


class Beginnings:
    """Looks at a build's output on its way to `sink`, which `feed` hands it to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._last = -PAUSE

    async def feed(self, data: bytes) -> None:
        """Take the next output."""
        if _BEGIN.search(data):
            self._last = time.monotonic()
        await self._sink(data)

    async def finish(self, build: Awaitable[_T]) -> _T:
        """The build's result; when cancelled, the build is, once no step has just begun."""
        running = asyncio.ensure_future(build)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await to_the_end(self._end(running))
            raise

    async def _end(self, running: "asyncio.Future[_T]") -> None:
        latest = time.monotonic() + LONGEST
        while not running.done() and (left := min(self._last + PAUSE, latest) - time.monotonic()) > 0:
            await asyncio.wait([running], timeout=left)
        running.cancel()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # who cancelled does not ask for it
