"""The looks at pushed images that are under way in this process. Those who tell of one image share them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

AT_ONCE = 4
"""Images looked at side by side: more would not be quicker, and nobody would be answered soon."""

Look = Callable[[], Awaitable[Any]]

log = logging.getLogger(__name__)


class Looks:
    """At most one look at an image at a time, and one that waits for its end. One `Looks` for each process."""

    def __init__(self) -> None:
        self._now: dict[str, asyncio.Task[Any]] = {}
        self._next: dict[str, asyncio.Task[Any]] = {}
        self._messages: dict[asyncio.Task[Any], asyncio.Task[None]] = {}

    @property
    def under_way(self) -> int:
        """Images that are looked at, or are about to be."""
        return len(self._now.keys() | self._next.keys())

    def begin(self, image: str, look: Look) -> "asyncio.Task[Any] | None":
        """A look that begins after this call, which another may have asked for; None where too many are under way.

        A look that is under way does not do: it may have asked the registry before the push.
        """
        if image not in self._next:
            if image not in self._now and self.under_way >= AT_ONCE:
                return None
            self._next[image] = asyncio.create_task(self._run(image, look, self._now.get(image)))
        return self._next[image]

    def leave(self, look: "asyncio.Task[Any]", send: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]":
        """Leave a look to itself that is not over; the message about it is sent once for all who waited for it."""
        if look not in self._messages:
            self._messages[look] = asyncio.create_task(send())
            look.add_done_callback(self._left)
        return self._messages[look]

    def _left(self, look: "asyncio.Task[Any]") -> None:
        del self._messages[look]
        if not look.cancelled() and (error := look.exception()) is not None:
            log.warning("a look that nobody waits for failed: %s", error)

    async def _run(self, image: str, look: Look, before: "asyncio.Task[Any] | None") -> Any:
        if before is not None:
            await asyncio.wait({before})
        self._now[image] = self._next.pop(image)
        try:
            return await look()
        finally:
            del self._now[image]
