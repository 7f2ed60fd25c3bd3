"""Agent pools in tables: the resource document, and the count that the gates read.

A deleted pool leaves a mark for a minute: the Azure CLI asks for the pool right after deleting it, and takes a 404 for
an error.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from baselift.app import resource_names
from baselift.app.ports import Row, Stale, Value
from baselift.app.world import World

POOLS = "agentpools"
MARKED = timedelta(seconds=60)
"""How long a deleted pool is still shown to who asks for it by name."""


@dataclass(frozen=True, slots=True)
class StoredPool:
    """An agent pool as read."""

    registry: str
    name: str
    document: Mapping[str, Any]
    count: int
    """Runs at once; 0 stops the pool."""
    deleted: float
    """Epoch seconds; 0 while the pool is there."""
    etag: str


async def get(world: World, registry: str, name: str) -> StoredPool | None:
    """The pool, or the mark it left; names are case-insensitive. None when there is neither."""
    if not resource_names.possible(name):
        return None
    row = await world.tables.get(POOLS, registry.lower(), name.lower())
    return None if row is None else await _unless_faded(world, _decode(row))


async def every(world: World, registry: str) -> AsyncIterator[StoredPool]:
    """All pools of a registry, without marks."""
    async for row in world.tables.query(POOLS, partition=registry.lower()):
        pool = await _unless_faded(world, _decode(row))
        if pool is not None and not pool.deleted:
            yield pool


async def count(world: World, registry: str, name: str) -> int | None:
    """How many runs the pool lets through at once; None when there is no such pool."""
    pool = await get(world, registry, name)
    return None if pool is None or pool.deleted else pool.count


async def insert(world: World, pool: StoredPool) -> StoredPool:
    """Store a new pool. Raises Conflict."""
    return replace(pool, etag=await world.tables.insert(POOLS, _encode(pool)))


async def save(world: World, pool: StoredPool) -> StoredPool:
    """Write the pool if nobody wrote it since it was read. Raises Stale."""
    return replace(pool, etag=await world.tables.replace(POOLS, _encode(pool)))


async def _unless_faded(world: World, pool: StoredPool) -> StoredPool | None:
    if not pool.deleted or world.now().timestamp() < pool.deleted + MARKED.total_seconds():
        return pool
    with suppress(Stale):
        await world.tables.delete(POOLS, pool.registry.lower(), pool.name.lower(), pool.etag)
    return None


def _encode(pool: StoredPool) -> Row:
    values: dict[str, Value] = {
        "registry": pool.registry,
        "name": pool.name,
        "doc": json.dumps(pool.document, separators=(",", ":")),
        "count": pool.count,
        "deleted": pool.deleted,
    }
    return Row(pool.registry.lower(), pool.name.lower(), values, pool.etag)


def _decode(row: Row) -> StoredPool:
    return StoredPool(
        registry=row.text("registry"),
        name=row.text("name"),
        document=json.loads(row.text("doc")),
        count=row.number("count"),
        deleted=float(row.text("deleted")),
        etag=row.etag,
    )
