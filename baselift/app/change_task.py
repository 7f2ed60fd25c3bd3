"""Create, change and delete tasks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from baselift.app import edges, source_rows, task_names, task_rows, timers
from baselift.app.ports import Conflict, Stale
from baselift.app.scan_task import ask_for_scan
from baselift.app.task_rows import Edges, StoredTask
from baselift.app.waves.cycles import refuse_cycle
from baselift.app.world import NotFound, World

Change = Callable[[dict[str, Any] | None], dict[str, Any]]
"""From the task's document as it is, secrets in clear (None: there is none), to what it becomes."""


async def change_task(world: World, registry: str, name: str, change: Change) -> StoredTask:
    """Apply a change to a task and have its source read again. Concurrent changes are applied one after the other."""
    await task_rows.expect_scan(world, registry, name)
    while True:
        stored = await task_rows.get(world, registry, name)
        document = world.seal(change(world.unseal(stored.document) if stored else None))
        try:
            changed = await _write(world, registry, name, stored, document)
        except (Conflict, Stale):
            continue
        await ask_for_scan(world, registry, name)
        return changed


async def delete_task(world: World, registry: str, name: str) -> bool:
    """Delete a task and its edges; its runs and images stay. False when there was none."""
    while (stored := await task_rows.get(world, registry, name)) is not None:
        listed = await task_names.mark(world, registry, name)
        await edges.drop(world, stored)
        try:
            await task_rows.remove(world, stored)
        except Stale:
            continue
        await timers.arrange(world, registry, name, None)
        await source_rows.arrange(world, registry, name, None)
        await task_rows.scanned(world, registry, name)
        await task_names.drop(world, registry, name, listed)
        return True
    return False


async def get_task(world: World, registry: str, name: str) -> StoredTask:
    """The task. Raises NotFound."""
    stored = await task_rows.get(world, registry, name)
    if stored is None:
        raise NotFound(f"task '{name}' does not exist in registry '{registry}'")
    return stored


async def _write(
    world: World, registry: str, name: str, stored: StoredTask | None, document: Mapping[str, Any]
) -> StoredTask:
    await task_names.add(world, registry, name)
    if stored is None:
        return await task_rows.insert(world, StoredTask(registry, name, document, Edges(), 1, ""))
    changed = replace(stored, document=document, version=stored.version + 1)
    await refuse_cycle(world, stored, changed)
    return await task_rows.save(world, changed)
