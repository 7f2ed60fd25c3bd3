"""Queues on Azure Queue storage, in the Functions host's encoding."""

import math
import re
from contextlib import suppress
from functools import partial

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

from baselift.azure.connection import Account

TEXT = 48 * 1024
"""Bytes of a message's text: base64 makes 64 KiB of them, the service's limit."""

LONGEST = 7 * 24 * 3600
"""Seconds a message may stay invisible."""

_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_FOREVER = -1


class AzureQueues:
    """Implements `Queues`. A queue is created when the first message finds it missing."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._clients: dict[str, QueueClient] = {}

    async def send(self, queue: str, text: str, delay: float = 0) -> None:
        """Raises ValueError for a bad name or delay and over 48 KiB. A retried send may leave two messages."""
        if not _NAME.fullmatch(queue):
            raise ValueError(f"queue {queue!r}: 3 to 63 lower-case letters, digits and single dashes are right")
        if (size := len(text.encode())) > TEXT:
            raise ValueError(f"queue {queue}: a message of {size} bytes; at most {TEXT} are right")
        if not 0 <= delay <= LONGEST:
            raise ValueError(f"queue {queue}: delay {delay}; 0 to {LONGEST} seconds are right")
        client = self._client(queue)
        send = partial(client.send_message, text, visibility_timeout=math.ceil(delay), time_to_live=_FOREVER)
        try:
            await send()
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                await client.create_queue()
            await send()

    async def depth(self, queue: str) -> int:
        """The service's own estimate."""
        try:
            return int((await self._client(queue).get_queue_properties()).approximate_message_count or 0)
        except ResourceNotFoundError:
            return 0

    def _client(self, queue: str) -> QueueClient:
        if queue not in self._clients:
            self._clients[queue] = QueueClient(
                self._account.urls["queue"],
                queue,
                message_encode_policy=TextBase64EncodePolicy(),
                # The SDK's own back-off takes 80 seconds, longer than Event Grid waits for an answer.
                retry_total=3,
                initial_backoff=1,
                increment_base=1,
                **self._account.options(),
            )
        return self._clients[queue]
