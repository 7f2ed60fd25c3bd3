"""A received message stays ours while its function runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient

_log = logging.getLogger(__name__)
_GONE = frozenset({400, 404, 409})


class Lease:
    """Hides a message from other readers; renewed every `interval` seconds, it lasts `SECONDS` after each renewal."""

    SECONDS = 600

    def __init__(self, queue: QueueClient, message: QueueMessage, interval: float = SECONDS / 2) -> None:
        self._queue = queue
        self._id = message.id
        self._receipt = message.pop_receipt
        self._interval = interval
        self._ended = asyncio.Event()

    async def keep(self) -> None:
        """Renew until `stop`, or until the message is no longer ours."""
        wait = self._interval
        while not await self._ended_within(wait):
            try:
                await self._update(self.SECONDS)
                wait = self._interval
            except AzureError as error:
                if isinstance(error, HttpResponseError) and error.status_code in _GONE:
                    _log.warning("Message %s is no longer held by this host", self._id)
                    return
                wait = max(wait / 2, min(60.0, self._interval))

    async def stop(self, renewal: asyncio.Task[None]) -> None:
        """End the renewal; one that is under way is awaited, for its receipt is needed to delete the message."""
        self._ended.set()
        await renewal

    async def delete(self) -> None:
        """Delete the message; one that is no longer ours is left alone."""
        with _ignoring_loss():
            await self._queue.delete_message(self._id, self._receipt)

    async def release(self, seconds: int) -> None:
        """Let the message be seen again in so many seconds; one that is no longer ours is left alone."""
        with _ignoring_loss():
            await self._update(seconds)

    async def _update(self, seconds: int) -> None:
        updated = await self._queue.update_message(self._id, pop_receipt=self._receipt, visibility_timeout=seconds)
        self._receipt = updated.pop_receipt

    async def _ended_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        return self._ended.is_set()


@contextlib.contextmanager
def _ignoring_loss() -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        if error.status_code not in _GONE:
            raise
