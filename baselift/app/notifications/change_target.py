"""Create, change, show and delete targets."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from baselift.app.notifications import outbox, targets, tell
from baselift.app.notifications.outbox import Notice
from baselift.app.notifications.targets import Callback, Target
from baselift.app.ports import Conflict, Stale
from baselift.app.world import NotFound, Refused, World

Change = Callable[[Mapping[str, Any] | None], dict[str, Any]]
"""From the resource as it is, secrets in clear (None: there is none), to what it becomes."""
SHOWN = 100
"""Notices of a target that are listed at most."""


async def change_target(world: World, registry: str, name: str, change: Change) -> Target:
    """Apply a change to a target, or create it."""
    while True:
        stored = await targets.get(world.tables, registry, name)
        document = world.seal(change(world.unseal(stored.document) if stored else None))
        wanted = replace(stored, document=document) if stored else Target(registry, name, document)
        try:
            changed = await targets.save(world.tables, wanted)
        except (Conflict, Stale):
            continue
        world.targets.changed()
        return changed


async def delete_target(world: World, registry: str, name: str) -> bool:
    """Forget a target; what was still to be sent to it is not. False: there was none."""
    found = await targets.get(world.tables, registry, name)
    if found is None:
        return False
    await targets.remove(world.tables, registry, name)
    world.targets.changed()
    return True


async def get_target(world: World, registry: str, name: str) -> Target:
    """The target. Raises NotFound."""
    found = await targets.get(world.tables, registry, name)
    if found is None:
        raise NotFound(f"webhook '{name}' does not exist in registry '{registry}'")
    return found


async def callback(world: World, registry: str, name: str) -> Callback:
    """How a target is reached, its secrets in clear. Raises NotFound."""
    return (await get_target(world, registry, name)).callback(world.unseal)


async def ping(world: World, registry: str, name: str) -> str:
    """Send a target an event that says nothing; return the event's id.

    Raises:
        NotFound: no such target.
        Refused: it is disabled.
    """
    target = await get_target(world, registry, name)
    if not target.enabled:
        raise Refused(f"webhook '{target.name}' is disabled: it is told nothing")
    return (await tell.ping(world, target)).id


async def sent(world: World, registry: str, name: str) -> list[Notice]:
    """The latest notices of a target, newest event first. Raises NotFound."""
    await get_target(world, registry, name)
    found: list[Notice] = []
    async for notice in outbox.newest(world, registry, name):
        found.append(notice)
        if len(found) == SHOWN:
            break
    return found
