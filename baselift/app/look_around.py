"""Look at every watched base whose time has come: what heals events that were lost, or never sent.

Each registry has a lane of its own, so that one which is slow, busy or away holds up no other. A lane looks first at
what was not looked at for longest, ends with the round, and ends at once when its registry wants to be left alone.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import SystemRandom

from baselift.app import base_rows, budgets, sightings
from baselift.app.base_rows import StoredBase
from baselift.app.budgets import Pause
from baselift.app.fan_out import fan_out
from baselift.app.look import look
from baselift.app.ports import RegistryFailure, Stale
from baselift.app.world import World
from baselift.domain.builds import Failure

AT_ONCE = 8
"""Bases of one registry looked at side by side."""
FANNING = 4
"""Recorded movements finished side by side."""
_NEVER = datetime.min.replace(tzinfo=UTC)

_random = SystemRandom()
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Lane:
    """The bases of one registry that are due, the longest unseen first."""

    world: World
    bases: Sequence[StoredBase]
    pause: Pause | None
    until: datetime
    stopped: bool = False
    looked: int = 0
    faults: list[Exception] = field(default_factory=list)

    async def run(self) -> None:
        if self.pause and not self.pause.over(self.world.now()):
            log.info("registry %s is left alone: %s", self.pause.registry, self.pause.text)
            return
        waiting = list(reversed(self.bases))
        if self.pause and waiting:
            # It was away: one look tells whether it is back.
            await self._one(waiting.pop())
            if not self.stopped:
                await budgets.answered(self.world, self.pause)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(waiting))):
                group.create_task(self._several(waiting))

    async def _several(self, waiting: list[StoredBase]) -> None:
        while waiting and not self.stopped and self.world.now() < self.until:
            await self._one(waiting.pop())

    async def _one(self, stored: StoredBase) -> None:
        image = stored.base.image
        self.looked += 1
        try:
            if await _unwatched(self.world, stored):
                await base_rows.forget(self.world, stored)
                await sightings.forget(self.world, image)
            else:
                self.stopped = (await look(self.world, stored)).pause > 0 or self.stopped
        except Stale:
            log.info("%s was written meanwhile", image)
        except Failure as failure:
            log.warning("%s could not be looked at: %s", image, failure)
            self.stopped = self.stopped or (isinstance(failure, RegistryFailure) and failure.transient)
        except Exception as fault:
            log.exception("%s could not be looked at", image)
            self.faults.append(fault)


async def repair_bases(world: World) -> None:
    """Compare the watched bases that are due with their registries; finish movements that were recorded.

    Raises:
        ExceptionGroup: faults of ours; one base's does not keep the others from being looked at.
    """
    fanning, due = await _due(world)
    faults = await _finish(world, fanning)
    pauses, until = await budgets.every(world), world.now() + world.round
    lanes = [_Lane(world, bases, pauses.get(registry), until) for registry, bases in due.items()]
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(lane.run())
    if faults := [*faults, *(fault for lane in lanes for fault in lane.faults)]:
        raise ExceptionGroup("bases could not be looked at", faults)


async def _due(world: World) -> tuple[list[StoredBase], dict[str, list[StoredBase]]]:
    """Movements that are not carried out to their end, and by registry the bases to look at."""
    seen, now = await sightings.latest(world), world.now()
    fanning: list[StoredBase] = []
    due: defaultdict[str, list[tuple[datetime, StoredBase]]] = defaultdict(list)
    async for stored in base_rows.every(world):
        image = stored.base.image
        last = seen.get(str(image), _NEVER)
        if stored.fanning:
            fanning.append(stored)
        if stored.settling.over(now) if stored.settling else _time_has_come(world, image.registry, last, now):
            due[image.registry].append((last, replace(stored, fanning=False)))
    by_age = {registry: sorted(bases, key=lambda each: each[0]) for registry, bases in due.items()}
    return fanning, {registry: [stored for _, stored in bases] for registry, bases in by_age.items()}


def _time_has_come(world: World, registry: str, last: datetime, now: datetime) -> bool:
    """With jitter, always early: bases that were first looked at together are not for ever."""
    if last == _NEVER:
        return True
    seconds = period(world, registry) * _random.uniform(0.9, 1)
    return now - last >= timedelta(seconds=seconds)


def period(world: World, registry: str) -> float:
    """Seconds between two looks at a base of this registry, as the settings say."""
    for name in (registry, registry.rpartition(":")[0], ""):
        if name in world.periods:
            return world.periods[name]
    return 0.0


async def _finish(world: World, fanning: Sequence[StoredBase]) -> list[Exception]:
    """Carry recorded movements to their end, which needs no registry; the faults."""
    gate = asyncio.Semaphore(FANNING)

    async def one(stored: StoredBase) -> None:
        async with gate:
            await fan_out(world, stored)

    ended = await asyncio.gather(*map(one, fanning), return_exceptions=True)
    return [fault for fault in ended if isinstance(fault, Exception)]


async def _unwatched(world: World, stored: StoredBase) -> bool:
    async for _ in base_rows.dependents(world, stored.base.image):
        return False
    return True
