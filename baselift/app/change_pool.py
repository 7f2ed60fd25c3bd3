"""Create, change and delete agent pools: limits on how many runs go on at once."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from baselift.app import gates, pool_rows
from baselift.app.gates import Gate
from baselift.app.pool_rows import StoredPool
from baselift.app.ports import Conflict, Stale
from baselift.app.world import NotFound, World

Change = Callable[[Mapping[str, Any] | None], dict[str, Any]]
"""From the pool's document as it is (None: there is none) to what it becomes; `properties.count` is in it."""


async def change_pool(world: World, registry: str, name: str, change: Change) -> StoredPool:
    """Apply a change to a pool, and wake the runs that it lets through now."""
    while True:
        stored = await pool_rows.get(world, registry, name)
        there = stored is not None and not stored.deleted
        document = change(stored.document if stored is not None and there else None)
        wanted = StoredPool(registry, name, document, document["properties"]["count"], 0.0, "")
        try:
            changed = await _write(world, stored, wanted)
        except (Conflict, Stale):
            continue
        await gates.wake(world, Gate(registry, "pool", name), changed.count)
        return changed


async def delete_pool(world: World, registry: str, name: str) -> bool:
    """Delete a pool; False when there was none. Runs that wait for it are woken and fail; runs that started go on."""
    while (stored := await pool_rows.get(world, registry, name)) is not None:
        if not stored.deleted:
            try:
                await pool_rows.save(world, replace(stored, deleted=world.now().timestamp()))
            except Stale:
                continue
        await gates.wake(world, Gate(registry, "pool", name), None)
        return not stored.deleted
    return False


async def get_pool(world: World, registry: str, name: str) -> StoredPool:
    """The pool, for a minute after its end too. Raises NotFound."""
    stored = await pool_rows.get(world, registry, name)
    if stored is None:
        raise _absent(registry, name)
    return stored


async def count_waiting(world: World, registry: str, name: str) -> int:
    """How many runs wait for the pool. Raises NotFound."""
    if await pool_rows.count(world, registry, name) is None:
        raise _absent(registry, name)
    return await gates.waiting(world, Gate(registry, "pool", name))


def _absent(registry: str, name: str) -> NotFound:
    return NotFound(f"agent pool '{name}' does not exist in registry '{registry}'")


async def _write(world: World, stored: StoredPool | None, wanted: StoredPool) -> StoredPool:
    if stored is None:
        return await pool_rows.insert(world, wanted)
    return await pool_rows.save(world, replace(wanted, etag=stored.etag))
