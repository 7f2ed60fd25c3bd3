"""Queue output bindings: what a function set or returned becomes messages."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from baselift.host import expressions
from baselift.host.storage import queue_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.functions.meta import Datum
    from azure.storage.queue.aio import QueueClient

    from baselift.host.model import Binding
    from baselift.host.storage import Storage


class Wakeups:
    """Tells the loops of this process that read a queue that something was put into it."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def event(self, queue: QueueClient) -> asyncio.Event:
        event = asyncio.Event()
        self._waiting.setdefault(_address(queue), set()).add(event)
        return event

    def wake(self, queue: QueueClient) -> None:
        for event in self._waiting.get(_address(queue), ()):
            event.set()


def _address(queue: QueueClient) -> str:
    return f"{queue.primary_hostname}/{queue.account_name}/{queue.queue_name}"


class QueueWriter:
    """Writes messages in the app's encoding and creates a queue that does not exist."""

    def __init__(self, storage: Storage, wakeups: Wakeups, *, base64_encoded: bool) -> None:
        self._storage = storage
        self._wakeups = wakeups
        self._base64 = base64_encoded

    async def write(self, binding: Binding, datum: Datum, data: Mapping[str, Any]) -> None:
        """Put one message, or one for each element of a JSON array."""
        name = queue_name(expressions.expand(str(binding.properties["queueName"]), data))
        queue = self._storage.queue(binding.properties.get("connection"), name)
        for body in messages(datum):
            content = body if isinstance(body, bytes) else body.encode()
            await self.put(queue, base64.b64encode(content).decode() if self._base64 else content.decode())

    async def put(self, queue: QueueClient, content: str) -> None:
        """Put a message whose content is already encoded."""
        try:
            await queue.send_message(content)
        except ResourceNotFoundError:
            with contextlib.suppress(ResourceExistsError):
                await queue.create_queue()
            await queue.send_message(content)
        self._wakeups.wake(queue)


def messages(datum: Datum) -> list[str | bytes]:
    """The message bodies in an encoded output: JSON array text is split, however the function wrote it."""
    value = datum.value
    if value is None:
        return []
    if isinstance(value, bytes):
        return [value]
    text = str(value)
    try:
        items = json.loads(text) if text.lstrip().startswith("[") else None
    except ValueError:
        items = None
    if not isinstance(items, list):
        return [text]
    return [item if isinstance(item, str) else json.dumps(item) for item in items]
