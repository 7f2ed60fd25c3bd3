"""What the last looks at a base saw: the last that an event asked for, and the last of all.

Kept beside the base's own row, which changes only when the base moves: a look writes one row, without reading it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime

from baselift.app import reasons
from baselift.app.base_rows import StoredBase
from baselift.app.ports import Row
from baselift.app.world import World
from baselift.domain.builds import Failure
from baselift.domain.edges.states import Sighting
from baselift.domain.images import Reference

SIGHTINGS = "sightings"


@dataclass
class Seen:
    """Filled by whoever looks: the digest that the registry gave, None where it has no such tag."""

    digest: str | None = None


@asynccontextmanager
async def looking(world: World, stored: StoredBase) -> AsyncIterator[Seen]:
    """Keep what a look at a base sees, and why it sees nothing.

    Raises:
        Failure: as raised inside.
    """
    seen = Seen()
    try:
        yield seen
    except Failure as failure:
        await _keep(world, stored, Sighting(world.now().isoformat(), reasons.teller(), problem=str(failure)))
        await reasons.noticed(world, stored, "unreachable", f"{stored.base.image} could not be looked at: {failure}")
        raise
    await _keep(world, stored, Sighting(world.now().isoformat(), reasons.teller(), seen.digest or ""))
    if seen.digest is None:
        await reasons.noticed(world, stored, "tag-absent", f"{stored.base.image} does not exist in its registry")
    elif seen.digest == stored.base.digest and reasons.teller() != reasons.RECONCILER:
        text = f"{stored.base.image} was pushed and is where it was, at {seen.digest}"
        await reasons.noticed(world, stored, "same-digest", text)


async def of(world: World, image: Reference) -> tuple[Sighting | None, Sighting | None]:
    """The last look at a base that an event asked for, and the last that none did."""
    found = {row.key: _sighting(row) async for row in world.tables.query(SIGHTINGS, partition=str(image))}
    return found.get("event"), found.get("check")


async def latest(world: World) -> dict[str, datetime]:
    """When each base was last looked at, by its canonical reference."""
    found: dict[str, datetime] = {}
    async for row in world.tables.query(SIGHTINGS):
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
