"""What is to be sent to targets, and what came of it.

`notices` has a row for each target and event, written once under a key that is made of the event: whoever finds out
again what happened finds it there, also when it was sent long ago. `pendingnotices` lists those that are still to be
sent, so that repairs need not read the others.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from baselift.app import codec
from baselift.app.ports import Conflict, Row, Value
from baselift.app.world import NOTICES as QUEUE
from baselift.app.world import World

NOTICES, PENDING = "notices", "pendingnotices"
_ALL = "all"
_LAST = 9_999_999_999_999
TASK = "task:"
"""How the target of a task's own `updateTriggerEndpoint` begins: no webhook has such a name."""


class State(StrEnum):
    """Where a notice is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up after the last attempt."""
    DROPPED = "dropped"
    """Its target was removed or disabled meanwhile."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One event for one target."""

    registry: str
    target: str
    """Name of the webhook, or `TASK` and the task's."""
    key: str
    id: str
    """Of the event."""
    action: str
    at: datetime
    """Time of the event."""
    body: str
    since: datetime
    """When it was written down."""
    state: State = State.PENDING
    attempts: int = 0
    due: datetime | None = None
    """Time of the next attempt."""
    status: int = 0
    """What the last attempt was answered; 0: it got no answer."""
    answer: str = ""
    """What came of the last attempt, for people."""
    last: datetime | None = None
    """Time of the last attempt."""

    @property
    def place(self) -> str:
        """Its target, among all registries."""
        return f"{self.registry.lower()}|{self.target.lower()}"


@dataclass(frozen=True, slots=True)
class Stored:
    """A notice as read."""

    notice: Notice
    etag: str


def key_of(identifier: str, at: datetime) -> str:
    """Key of an event's notices: the newest first."""
    return f"{_LAST - int(at.timestamp() * 1000):013d}|{identifier}"


async def record(world: World, notice: Notice) -> None:
    """Write a notice down and have it sent. May be repeated: killed anywhere, whoever calls it does so again."""
    try:
        await world.tables.insert(NOTICES, _row(notice))
    except Conflict:
        stored = await get(world, notice.registry, notice.target, notice.key)
        if stored is None or stored.notice.state is not State.PENDING or await _is_listed(world, notice):
            return
        notice = stored.notice
    await hand_over(world, notice)


async def hand_over(world: World, notice: Notice) -> None:
    """List a notice as one to be sent, and send its message, for when it is due."""
    delay = max(0.0, (notice.due - world.now()).total_seconds()) if notice.due else 0.0
    values: dict[str, Value] = {"registry": notice.registry, "target": notice.target, "key": notice.key}
    values["sent"] = world.now().timestamp() + delay
    await world.tables.upsert(PENDING, Row(_ALL, _pending_key(notice), values))
    await world.queues.send(QUEUE, f"{notice.registry} {notice.target} {notice.key}", delay)


async def get(world: World, registry: str, target: str, key: str) -> Stored | None:
    """One notice; None when there is none."""
    row = await world.tables.get(NOTICES, _partition(registry, target), key)
    return None if row is None else _decode(row)


async def newest(world: World, registry: str, target: str) -> AsyncIterator[Notice]:
    """The notices of a target, newest event first."""
    async for row in world.tables.query(NOTICES, partition=_partition(registry, target)):
        yield _decode(row).notice


async def save(world: World, stored: Stored, changed: Notice) -> None:
    """Write a notice. Raises Stale."""
    await world.tables.replace(NOTICES, replace(_row(changed), etag=stored.etag))


async def pending(world: World) -> AsyncIterator[Row]:
    """Rows of the notices that are to be sent: `registry`, `target`, `key`, `sent` as epoch seconds."""
    async for row in world.tables.query(PENDING, partition=_ALL):
        yield row


async def unlist(world: World, registry: str, target: str, key: str) -> None:
    """Take a notice off the list of those to be sent."""
    await world.tables.delete(PENDING, _ALL, f"{_partition(registry, target)}|{key}")


async def _is_listed(world: World, notice: Notice) -> bool:
    return await world.tables.get(PENDING, _ALL, _pending_key(notice)) is not None


def _row(notice: Notice) -> Row:
    # `last` is what retention goes by.
    values: dict[str, Value] = {"doc": codec.dump(notice), "last": notice.at.isoformat()}
    return Row(_partition(notice.registry, notice.target), notice.key, values)


def _decode(row: Row) -> Stored:
    return Stored(codec.load(Notice, row.text("doc")), row.etag)


def _partition(registry: str, target: str) -> str:
    return f"{registry.lower()}|{target.lower()}"


def _pending_key(notice: Notice) -> str:
    return f"{notice.place}|{notice.key}"
