"""When a registry may be asked again: what it asked for, and what its failures teach.

One row for each registry that is to be left alone, shared by all instances, so that none of them asks before its time.
The reconciler keeps to it; an event is followed at once, since it names what did change.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import SystemRandom

from baselift.app.ports import Conflict, RegistryFailure, Row, Stale, Value
from baselift.app.world import World
from baselift.domain.builds import Failure

BUDGETS, _PARTITION = "budgets", "registry"
FIRST, LONGEST = 15.0, 3600.0
"""Seconds of the first pause after a failure, which doubles with each further one, and of the longest."""

_random = SystemRandom()
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pause:
    """A registry that is left alone for a while."""

    registry: str
    """``host[:port]``."""
    until: datetime
    failures: int
    """How often in a row it failed; 0 when its rate limit is nearly used up."""
    text: str
    """Why, for people."""
    etag: str

    def over(self, now: datetime) -> bool:
        """True when it may be asked again."""
        return now >= self.until


async def of(world: World, registry: str) -> Pause | None:
    """Why the registry's images are not looked at now, or were not until a moment ago; None when it is as usual."""
    row = await world.tables.get(BUDGETS, _PARTITION, registry)
    return None if row is None else _pause(row)


async def every(world: World) -> dict[str, Pause]:
    """All pauses by registry."""
    return {row.key: _pause(row) async for row in world.tables.query(BUDGETS, partition=_PARTITION)}


async def failed(world: World, registry: str, failure: Failure) -> None:
    """Leave a registry alone that does not answer or is too busy; what it refused for one image is no such failure."""
    if not isinstance(failure, RegistryFailure) or not failure.transient:
        return
    before, asked = await of(world, registry), timedelta(seconds=failure.retry_after or 0)
    if before is not None and not before.over(world.now() + asked):
        # Others asked at the same time: that is one failure.
        return
    failures = (before.failures if before else 0) + 1
    longest = min(LONGEST, FIRST * 2 ** min(failures - 1, 20))
    seconds = max(_random.uniform(longest / 2, longest), (failure.retry_after or 0) * _random.uniform(1, 1.1))
    await _write(world, before, registry, seconds, failures, str(failure))


async def spent(world: World, registry: str, seconds: float) -> None:
    """Leave a registry alone whose rate limit is nearly used up."""
    before = await of(world, registry)
    if before is None or before.over(world.now()):
        text = f"the rate limit of registry {registry} is nearly used up, and what is left is for builds"
        await _write(world, before, registry, seconds * _random.uniform(1, 1.1), 0, text)


async def answered(world: World, pause: Pause) -> None:
    """Ask a registry as usual again, unless another found since that it fails."""
    with suppress(Stale):
        await world.tables.delete(BUDGETS, _PARTITION, pause.registry, pause.etag)


async def _write(world: World, before: Pause | None, registry: str, seconds: float, failures: int, text: str) -> None:
    until = world.now().timestamp() + seconds
    values: dict[str, Value] = {"until": until, "failures": failures, "text": text}
    row = Row(_PARTITION, registry, values, before.etag if before else "")
    log.warning("registry %s is not asked for %.0f s: %s", registry, seconds, text)
    with suppress(Conflict, Stale):
        await (world.tables.replace(BUDGETS, row) if before else world.tables.insert(BUDGETS, row))


def _pause(row: Row) -> Pause:
    until = datetime.fromtimestamp(float(row.values["until"]), UTC)  # type: ignore[arg-type]
    return Pause(row.key, until, row.number("failures"), row.text("text"), row.etag)
