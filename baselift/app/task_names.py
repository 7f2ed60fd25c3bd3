"""The names of tasks in their order, and of those whose bases are not known: what lists read instead of the tasks.

Rows are hints, good for as long as the task they name says so. A name is written before its task and removed after it,
and only as it was before: a task that is made while its forerunner is being deleted keeps its name.
"""

from collections.abc import AsyncIterator
from contextlib import suppress

from baselift.app.ports import AHEAD, Row, Stale
from baselift.app.world import World

NAMES, UNREAD = "tasknames", "unreadtasks"
_COLUMNS = ("name",)
_FIRST, _LAST = "!", "~"
"""Before and after every character that a name may have."""


async def add(world: World, registry: str, name: str) -> None:
    """List a task."""
    await world.tables.upsert(NAMES, Row(registry.lower(), name.lower(), {"name": name}))


async def mark(world: World, registry: str, name: str) -> str | None:
    """How the task's name stands there now, for `drop`; None where it is not listed."""
    row = await world.tables.get(NAMES, registry.lower(), name.lower())
    return None if row is None else row.etag


async def drop(world: World, registry: str, name: str, mark: str | None) -> None:
    """List a task no more, unless it was listed again since the mark was read."""
    if mark is not None:
        with suppress(Stale):
            await world.tables.delete(NAMES, registry.lower(), name.lower(), mark)
    await world.tables.delete(UNREAD, registry.lower(), name.lower())


async def listed(
    world: World, registry: str, after: str = "", prefix: str = "", *, ahead: int = AHEAD
) -> AsyncIterator[str]:
    """Names in order: those after a name, or those that begin with `prefix`. `ahead`: how many are likely wanted."""
    low = f"{after.lower()}{_FIRST}" if after else prefix.lower()
    span = (low, f"{prefix.lower()}{_LAST}")
    async for row in world.tables.query(NAMES, partition=registry.lower(), keys=span, only=_COLUMNS, ahead=ahead):
        yield row.text("name")


async def trouble(world: World, registry: str, name: str) -> None:
    """List a task among those whose bases could not be read."""
    await world.tables.upsert(UNREAD, Row(registry.lower(), name.lower(), {"name": name}))


async def well(world: World, registry: str, name: str) -> None:
    """The task's bases are known."""
    await world.tables.delete(UNREAD, registry.lower(), name.lower())


async def troubled(world: World, registry: str) -> AsyncIterator[str]:
    """Names of tasks whose bases could not be read, in order."""
    async for row in world.tables.query(UNREAD, partition=registry.lower()):
        yield row.text("name")
