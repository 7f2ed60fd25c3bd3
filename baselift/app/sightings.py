"""What the last looks at a base saw: the last that an event asked for, and the last of all.

Kept beside the base's own row, which changes only when the base moves: a look writes one row, without reading it.
"""

from dataclasses import asdict
from datetime import datetime

from baselift.app import reasons
from baselift.app.base_rows import StoredBase
from baselift.app.ports import WHOLE, Found, Row
from baselift.app.world import World
from baselift.domain.builds import Failure
from baselift.domain.edges.states import Sighting
from baselift.domain.images import Reference

SIGHTINGS = "sightings"


async def saw(world: World, stored: StoredBase, found: Found | None) -> None:
    """Keep what a look at a base saw: None, that its registry has no such tag."""
    digest = found.digest if found else ""
    await _keep(world, stored, Sighting(world.now().isoformat(), reasons.teller(), digest))
    if found is None:
        await reasons.noticed(world, stored, "tag-absent", f"{stored.base.image} does not exist in its registry")
    elif digest == stored.base.digest and reasons.teller() != reasons.RECONCILER:
        text = f"{stored.base.image} was pushed and is where it was, at {digest}"
        await reasons.noticed(world, stored, "same-digest", text)


async def saw_nothing(world: World, stored: StoredBase, failure: Failure) -> None:
    """Keep why a look at a base saw nothing."""
    await _keep(world, stored, Sighting(world.now().isoformat(), reasons.teller(), problem=str(failure)))
    await reasons.noticed(world, stored, "unreachable", f"{stored.base.image} could not be looked at: {failure}")


async def of(world: World, image: Reference) -> tuple[Sighting | None, Sighting | None]:
    """The last look at a base that an event asked for, and the last that none did."""
    found = {row.key: _sighting(row) async for row in world.tables.query(SIGHTINGS, partition=str(image))}
    return found.get("event"), found.get("check")


async def latest(world: World) -> dict[str, datetime]:
    """When each base was last looked at, by its canonical reference."""
    found: dict[str, datetime] = {}
    async for row in world.tables.query(SIGHTINGS, ahead=WHOLE):
        at = datetime.fromisoformat(row.text("at"))
        found[row.partition] = max(at, found.get(row.partition, at))
    return found


async def forget(world: World, image: Reference) -> None:
    """Drop what was seen of a base that nobody watches any more."""
    for key in ("event", "check"):
        await world.tables.delete(SIGHTINGS, str(image), key)


async def _keep(world: World, stored: StoredBase, sighting: Sighting) -> None:
    key = "event" if sighting.source.startswith(reasons.EVENTS) else "check"
    await world.tables.upsert(SIGHTINGS, Row(str(stored.base.image), key, asdict(sighting)))


def _sighting(row: Row) -> Sighting:
    return Sighting(row.text("at"), row.text("source"), row.text("digest"), row.text("problem"))
