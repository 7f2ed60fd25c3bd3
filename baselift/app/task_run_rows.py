"""Task runs in tables: the resource document, and the run that it made last.

The row is also the run's claim: it names the run's number before the run is there, together with all that is needed to
bring it into being.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from baselift.app import codec, keys, resource_names
from baselift.app.ports import Row, Value
from baselift.app.world import World
from baselift.domain.runs import Cause

TASK_RUNS, PENDING = "taskruns", "pendingtaskruns"


@dataclass(frozen=True, slots=True)
class Claim:
    """The run that a task run stands for."""

    seq: int
    id: str
    cause: Cause
    request: Mapping[str, Any]
    """What it carries, secrets sealed."""
    run_type: str
    task: str | None = None


@dataclass(frozen=True, slots=True)
class StoredTaskRun:
    """A task run as read."""

    registry: str
    name: str
    document: Mapping[str, Any]
    """The resource, secrets sealed."""
    claim: Claim
    etag: str


async def get(world: World, registry: str, name: str) -> StoredTaskRun | None:
    """The task run; names are case-insensitive. None when there is none."""
    if not resource_names.possible(name):
        return None
    row = await world.tables.get(TASK_RUNS, keys.task_partition(registry, name), name.lower())
    return None if row is None else _decode(row)


async def every(world: World, registry: str) -> AsyncIterator[StoredTaskRun]:
    """All task runs of a registry."""
    async for row in world.tables.query(TASK_RUNS, partitions=keys.of_registry(registry)):
        yield _decode(row)


async def insert(world: World, stored: StoredTaskRun) -> StoredTaskRun:
    """Store a new task run. Raises Conflict."""
    return replace(stored, etag=await world.tables.insert(TASK_RUNS, _encode(stored)))


async def save(world: World, stored: StoredTaskRun) -> StoredTaskRun:
    """Write the task run if nobody wrote it since it was read. Raises Stale."""
    return replace(stored, etag=await world.tables.replace(TASK_RUNS, _encode(stored)))


async def remove(world: World, stored: StoredTaskRun) -> None:
    """Delete the task run in the state in which it was read. Raises Stale."""
    partition = keys.task_partition(stored.registry, stored.name)
    await world.tables.delete(TASK_RUNS, partition, stored.name.lower(), stored.etag)


async def expect_run(world: World, registry: str, name: str) -> Row:
    """Note that the task run's run may not be there yet, so that the reconciler looks."""
    values: dict[str, Value] = {"registry": registry, "name": name, "sent": world.now().timestamp()}
    note = Row(registry.lower(), f"{name.lower()}|{world.token()}", values)
    await world.tables.insert(PENDING, note)
    return note


async def entered(world: World, note: Row) -> None:
    """The run is there, or nothing was stored."""
    await world.tables.delete(PENDING, note.partition, note.key)


async def pending(world: World) -> AsyncIterator[Row]:
    """Notes left by `expect_run`."""
    async for row in world.tables.query(PENDING):
        yield row


def _encode(stored: StoredTaskRun) -> Row:
    values: dict[str, Value] = {
        "registry": stored.registry,
        "name": stored.name,
        "doc": json.dumps(stored.document, separators=(",", ":")),
        "claim": codec.dump(stored.claim),
    }
    return Row(keys.task_partition(stored.registry, stored.name), stored.name.lower(), values, stored.etag)


def _decode(row: Row) -> StoredTaskRun:
    return StoredTaskRun(
        registry=row.text("registry"),
        name=row.text("name"),
        document=json.loads(row.text("doc")),
        claim=codec.load(Claim, row.text("claim")),
        etag=row.etag,
    )
