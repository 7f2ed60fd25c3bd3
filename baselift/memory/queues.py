"""Queues in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from baselift.memory import rules


@dataclass(frozen=True, slots=True)
class _Message:
    text: str
    visible: datetime


class MemoryQueues:
    """Implements `Queues`, with hooks for the receiving side."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._now = clock
        self._queues: dict[str, list[_Message]] = {}

    async def send(self, queue: str, text: str, delay: float = 0) -> None:
        await asyncio.sleep(0)
        rules.queue_message(queue, text, delay)
        self._queues.setdefault(queue, []).append(_Message(text, self._now() + timedelta(seconds=delay)))

    async def depth(self, queue: str) -> int:
        await asyncio.sleep(0)
        return len(self._queues.get(queue, []))

    def messages(self, queue: str) -> list[str]:
        """Texts of the messages that are visible now, oldest first. They stay."""
        now = self._now()
        return [message.text for message in self._queues.get(queue, []) if message.visible <= now]

    def receive(self, queue: str, count: int = 32) -> list[str]:
        """Take up to `count` visible messages for good, oldest first."""
        now = self._now()
        held = self._queues.get(queue, [])
        taken = [message for message in held if message.visible <= now][:count]
        gone = {id(message) for message in taken}
        self._queues[queue] = [message for message in held if id(message) not in gone]
        return [message.text for message in taken]

    def due(self) -> datetime | None:
        """When the next message is or becomes visible, over all queues; None when there is none."""
        return min((message.visible for held in self._queues.values() for message in held), default=None)
