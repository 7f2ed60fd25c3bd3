"""Tasks in tables: the resource document with sealed secrets, and the edges that were found for it."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from baselift.app import codec, keys, resource_names
from baselift.app.ports import Row, Value
from baselift.app.world import NotFound, World
from baselift.domain.runs import BaseUse

TASKS, PENDING = "tasks", "pendingscans"


@dataclass(frozen=True, slots=True)
class Edges:
    """The bases of a task as last found, by a scan of its source or by a run; or why they are not known."""

    bases: Sequence[BaseUse] = ()
    found: str = ""
    """RFC 3339 time; empty before the first scan."""
    problem: str = ""
    """Why the edges could not be read; empty when they are known."""
    seconds: float = 0.0
    """How long the last run took that succeeded; 0 before the first."""


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A task as read."""

    registry: str
    name: str
    document: Mapping[str, Any]
    """The resource, secrets sealed."""
    edges: Edges
    version: int
    """Counts definitions: a scan of an older one is not recorded."""
    etag: str
    policies: Mapping[str, str] = field(default_factory=dict)
    """What people said of single edges, by canonical reference of the base; no client's PUT touches it."""
    keep: int = 0
    """Of how many runs the own tags are kept in each repository; 0: of all. No client's PUT touches it."""


async def get(world: World, registry: str, name: str) -> StoredTask | None:
    """The task; names are case-insensitive. None when there is none."""
    if not resource_names.possible(name):
        return None
    row = await world.tables.get(TASKS, keys.task_partition(registry, name), name.lower())
    return None if row is None else _decode(row)


async def every(world: World, registry: str) -> AsyncIterator[StoredTask]:
    """All tasks of a registry."""
    async for row in world.tables.query(TASKS, partitions=keys.of_registry(registry)):
        yield _decode(row)


async def insert(world: World, task: StoredTask) -> StoredTask:
    """Store a new task. Raises Conflict."""
    return replace(task, etag=await world.tables.insert(TASKS, _encode(task)))


async def save(world: World, task: StoredTask) -> StoredTask:
    """Write the task if nobody wrote it since it was read. Raises Stale."""
    return replace(task, etag=await world.tables.replace(TASKS, _encode(task)))


async def remove(world: World, task: StoredTask) -> None:
    """Delete the task in the state in which it was read. Raises Stale."""
    await world.tables.delete(TASKS, keys.task_partition(task.registry, task.name), task.name.lower(), task.etag)


async def expect_scan(world: World, registry: str, name: str) -> None:
    """Note that the task's source is to be read, so that the reconciler can ask again.

    Raises:
        NotFound: no task can have this name.
    """
    if not resource_names.possible(name):
        raise NotFound(f"task '{name}' does not exist in registry '{registry}'")
    values: dict[str, Value] = {"registry": registry, "task": name, "sent": world.now().timestamp()}
    await world.tables.upsert(PENDING, Row(registry.lower(), name.lower(), values))


async def scanned(world: World, registry: str, name: str) -> None:
    """The source was read, or the task is gone."""
    await world.tables.delete(PENDING, registry.lower(), name.lower())


async def pending_scans(world: World) -> AsyncIterator[Row]:
    """Notes left by `expect_scan`."""
    async for row in world.tables.query(PENDING):
        yield row


def _encode(task: StoredTask) -> Row:
    values: dict[str, Value] = {
        "registry": task.registry,
        "name": task.name,
        "doc": json.dumps(task.document, separators=(",", ":")),
        "edges": codec.dump(task.edges),
        "version": task.version,
        "policies": json.dumps(task.policies, separators=(",", ":")),
        "keep": task.keep,
    }
    return Row(keys.task_partition(task.registry, task.name), task.name.lower(), values, task.etag)


def _decode(row: Row) -> StoredTask:
    return StoredTask(
        registry=row.text("registry"),
        name=row.text("name"),
        document=json.loads(row.text("doc")),
        edges=codec.load(Edges, row.text("edges")),
        version=row.number("version"),
        etag=row.etag,
        policies=json.loads(str(row.values.get("policies", "{}"))),
        keep=int(row.values.get("keep", 0)),  # type: ignore[arg-type]
    )
