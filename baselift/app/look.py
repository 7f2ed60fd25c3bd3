"""Look at a watched base: ask the registry where its tag is now, and record a movement."""

import logging

from baselift.app import base_rows, credentials
from baselift.app.base_rows import StoredBase
from baselift.app.fan_out import fan_out
from baselift.app.ports import Stale
from baselift.app.world import World
from baselift.domain.runs import Run

log = logging.getLogger(__name__)


async def look(world: World, stored: StoredBase) -> list[Run]:
    """Compare a watched base with the registry, and carry out what follows."""
    image = stored.base.image
    digest = await world.registries.digest(image, await credentials.for_watching(world, image))
    current = await _record(world, stored, digest)
    if current is None or not current.fanning:
        return []
    return await fan_out(world, current)


async def _record(world: World, stored: StoredBase, digest: str | None) -> StoredBase | None:
    current: StoredBase | None = stored
    while current is not None:
        if digest is None or digest == current.base.digest:
            log.info("%s has not moved", current.base.image)
            return current
        try:
            return await base_rows.save(world, base_rows.moved(current, digest, world.now()))
        except Stale:
            current = await base_rows.get(world, stored.base.image)
    return None
