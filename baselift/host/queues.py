"""Queue triggers: one loop for each function."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import logging
import random
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.functions.meta import Datum

from baselift.host.invocation import Call
from baselift.host.lease import Lease
from baselift.host.storage import is_queue_name

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage

    from baselift.host.hostjson import QueueOptions
    from baselift.host.invocation import Invoker
    from baselift.host.model import Function
    from baselift.host.outputs import QueueWriter, Wakeups
    from baselift.host.storage import Storage

_log = logging.getLogger(__name__)
_SHORTEST_WAIT = 0.1
_CONFLICT, _SERVER_ERROR = 409, 500
_POISON = "-poison"


class Backoff:
    """How long to wait while nothing is found: 100 ms, then longer each time up to a limit. Seconds."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._misses = 0

    def reset(self) -> None:
        self._misses = 0

    def next(self) -> float:
        self._misses += 1
        if self._misses == 1:
            return min(_SHORTEST_WAIT, self._longest)
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - spreads the polls of several hosts, keeps no secret
        grown = _SHORTEST_WAIT + spread * 2.0 ** min(self._misses - 2, 30) * _SHORTEST_WAIT
        return min(grown, self._longest)


class QueueListener:
    """Reads the queue of one function until it is stopped; `run` returns when its last message is done with.

    Raises:
        FunctionError: the queue's connection or name is wrong.
    """

    def __init__(
        self,
        function: Function,
        storage: Storage,
        options: QueueOptions,
        invoker: Invoker,
        writer: QueueWriter,
        wakeups: Wakeups,
    ) -> None:
        connection = function.trigger.properties.get("connection")
        self._function = function
        self._options = options
        self._invoker = invoker
        self._writer = writer
        self._queue = storage.queue(connection, str(function.trigger.properties["queueName"]))
        name = str(self._queue.queue_name)
        can_poison = not name.endswith(_POISON) and is_queue_name(name + _POISON)
        self._poison = storage.queue(connection, name + _POISON) if can_poison else None
        self._woken = wakeups.event(self._queue)
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()
        self._complaint = ""

    def stop(self) -> None:
        """Ask for no more messages; those that run go on."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        backoff = Backoff(self._options.max_polling_interval.total_seconds())
        try:
            while not self._stopping:
                self._woken.clear()
                found = await self._receive()
                if found:
                    backoff.reset()
                    self._start(found)
                    await self._until_room()
                else:
                    await self._wait(backoff.next())
            if self._running:
                await asyncio.wait(self._running)
        except asyncio.CancelledError:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            raise

    async def _wait(self, seconds: float) -> None:
        if not self._stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()

    async def _until_room(self) -> None:
        while len(self._running) > self._options.new_batch_threshold and not self._stopping:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _receive(self) -> list[QueueMessage]:
        pages = self._queue.receive_messages(
            messages_per_page=self._options.batch_size, visibility_timeout=Lease.SECONDS
        ).by_page()
        try:
            async for page in pages:
                return [message async for message in page]
        except ResourceNotFoundError:
            return []
        except AzureError as error:
            self._complain(error)
        else:
            self._complaint = ""
        return []

    def _complain(self, error: AzureError) -> None:
        """Log a storage fault once, not at every poll."""
        status = error.status_code if isinstance(error, HttpResponseError) else None
        expected = status == _CONFLICT or (status is not None and status >= _SERVER_ERROR)
        complaint = f"{type(error).__name__} {status}"
        if not expected and complaint != self._complaint:
            _log.error("Queue '%s' cannot be read; trying on: %s", self._queue.queue_name, error.message)
        self._complaint = complaint

    def _start(self, messages: list[QueueMessage]) -> None:
        for message in messages:
            work = self._release(message) if self._stopping else self._process(message)
            task = asyncio.create_task(self._guarded(message, work))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _guarded(self, message: QueueMessage, work: Any) -> None:
        """A storage fault costs this message a later redelivery, never the loop."""
        try:
            await work
        except AzureError:
            _log.exception("Message %s of queue '%s' could not be completed", message.id, self._queue.queue_name)

    async def _release(self, message: QueueMessage) -> None:
        await Lease(self._queue, message).release(0)

    async def _process(self, message: QueueMessage) -> None:
        lease = Lease(self._queue, message)
        count = message.dequeue_count or 0
        if count > self._options.max_dequeue_count:
            await self._give_up(message, lease)
            return
        try:
            call = queue_call(self._function, message, base64_encoded=self._options.base64)
        except ValueError as error:
            _log.error("Message %s of queue '%s' is unreadable: %s", message.id, self._queue.queue_name, error)
            await self._give_up(message, lease)
            return
        if await self._succeeds(call, lease):
            await lease.delete()
        elif count >= self._options.max_dequeue_count:
            await self._give_up(message, lease)
        else:
            await lease.release(int(self._options.visibility_timeout.total_seconds()))

    async def _succeeds(self, call: Call, lease: Lease) -> bool:
        renewal = asyncio.create_task(lease.keep())
        try:
            await self._invoker.invoke(self._function, call)
        except asyncio.CancelledError:
            await lease.stop(renewal)
            if self._function.is_async:
                await lease.release(0)
            raise
        except Exception:  # noqa: BLE001 - the invoker has logged it
            return False
        else:
            return True
        finally:
            await lease.stop(renewal)

    async def _give_up(self, message: QueueMessage, lease: Lease) -> None:
        """Move a message to the poison queue; where there can be none, it stays hidden until its lease ends."""
        if self._poison is None:
            return
        name = self._queue.queue_name
        _log.error("Message %s of queue '%s' has failed and moves to '%s%s'", message.id, name, name, _POISON)
        await self._writer.put(self._poison, str(message.content))
        await lease.delete()


def queue_call(function: Function, message: QueueMessage, *, base64_encoded: bool) -> Call:
    """The call that a message makes.

    Raises:
        ValueError: the content is not in the app's encoding, or not UTF-8 where text is wanted.
    """
    body = _decoded(str(message.content or ""), base64_encoded=base64_encoded)
    binary = str(function.trigger.properties.get("dataType", "")).lower() == "binary"
    text = "" if binary else body.decode()
    system = {
        "Id": message.id,
        "DequeueCount": message.dequeue_count,
        "InsertionTime": message.inserted_on.isoformat() if message.inserted_on else None,
        "ExpirationTime": message.expires_on.isoformat() if message.expires_on else None,
        "NextVisibleTime": message.next_visible_on.isoformat() if message.next_visible_on else None,
        "PopReceipt": message.pop_receipt,
    }
    return Call(
        Datum(body, "bytes") if binary else Datum(text, "string"),
        f"New queue message detected on '{function.trigger.properties['queueName']}'.",
        metadata={name: Datum(json.dumps(value), "json") for name, value in system.items() if value is not None},
        data={**_json_members(text), **system, "queueTrigger": text},
    )


def _decoded(content: str, *, base64_encoded: bool) -> bytes:
    if not base64_encoded:
        return content.encode()
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise ValueError(f"it is not base64 ({error}); host.json messageEncoding says base64") from None


def _json_members(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
