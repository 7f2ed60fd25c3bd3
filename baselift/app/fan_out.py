"""Carry out a movement: decide about each dependent of the base, and begin the wave that it causes."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from baselift.app import base_rows, reasons, task_rows
from baselift.app.base_rows import StoredBase, StoredDependent
from baselift.app.ports import Stale
from baselift.app.task_rows import StoredTask
from baselift.app.waves import followers, pauses
from baselift.app.waves.pauses import Pause
from baselift.app.waves.start_member import joins
from baselift.app.waves.start_wave import Root, start_wave
from baselift.app.waves.walk import outputs, together
from baselift.app.world import World
from baselift.domain.edges import policies
from baselift.domain.runs import Run
from baselift.domain.staleness import Verdict, verdict

log = logging.getLogger(__name__)


async def fan_out(world: World, stored: StoredBase) -> list[Run]:
    """Begin the wave of a movement, and note that it is begun; done again, it makes no run twice.

    A movement of a paused base is left as it is: the reconciler comes back to it.
    """
    return await _carry_out(world, stored, *await _read(world, stored))


async def move(world: World, moved: StoredBase) -> list[Run]:
    """Record a movement, and carry it out as `fan_out` does. Raises Stale: somebody else wrote the base.

    The dependents are read beside: whoever adds one writes the base's row after it, so that he sees the movement, or
    it is not recorded.
    """
    stored, read = await asyncio.gather(base_rows.save(world, moved), _read(world, moved))
    return await _carry_out(world, stored, *read)


async def _read(world: World, stored: StoredBase) -> tuple[list[StoredDependent], Sequence[Pause]]:
    """The dependents, and what is paused."""
    image = stored.base.image
    return await asyncio.gather(base_rows.all_dependents(world, image), pauses.every(world))


async def _carry_out(
    world: World, stored: StoredBase, dependents: Sequence[StoredDependent], paused: Sequence[Pause]
) -> list[Run]:
    if pauses.of_base(paused, str(stored.base.image), world.now()) is not None:
        return []
    runs = await _follow(world, stored, dependents, paused)
    try:
        await base_rows.save(world, replace(stored, fanning=False))
    except Stale:
        log.info("%s moved again meanwhile", stored.base.image)
    return runs


async def follow(world: World, stored: StoredBase, dependent: StoredDependent) -> None:
    """Have one dependent rebuilt that turns out to be behind its base; of a paused base, when the pause ends."""
    paused = await pauses.every(world)
    if pauses.of_base(paused, str(stored.base.image), world.now()) is None:
        await _follow(world, stored, [dependent], paused)
        return
    current: StoredBase | None = stored
    while current is not None and not current.fanning:
        try:
            current = await base_rows.save(world, replace(current, fanning=True))
        except Stale:
            current = await base_rows.get(world, stored.base.image)


async def _follow(
    world: World, stored: StoredBase, dependents: Sequence[StoredDependent], paused: Sequence[Pause]
) -> list[Run]:
    """Have those of some dependents rebuilt that the movement of their base concerns, and all that depends on them."""
    found = await together(dependents, lambda dependent: _root(world, stored, dependent))
    roots = [root for root in found if root is not None]
    with world.telemetry.within(stored.trace):
        return await start_wave(world, stored, roots, paused) if roots else []


async def _root(world: World, stored: StoredBase, dependent: StoredDependent) -> Root | None:
    """The dependent where it is to be rebuilt and does not wait in a wave already."""
    registry, name = dependent.edge.registry, dependent.edge.task
    task, follower = await asyncio.gather(task_rows.get(world, registry, name), followers.get(world, registry, name))
    if task is None:
        await base_rows.remove_dependent(world, stored.base.image, registry, name)
        return None
    if not await _fires(world, stored, dependent, task):
        return None
    if await joins(world, follower):
        text = "the task waits in a wave that has begun, and is built there on what the base is now"
        await reasons.decided(world, stored, dependent, Verdict(fire=False, rule="joins-wave", text=text))
        return None
    return Root(dependent, task, follower)


async def _fires(world: World, stored: StoredBase, dependent: StoredDependent, task: StoredTask) -> bool:
    policy = task.policies.get(str(stored.base.image), policies.DEFAULT)
    decision = verdict(task.document, dependent.edge, stored.base, await outputs(world, task), policy)
    log.info("task %s, base %s: %s (%s)", task.name, stored.base.image, decision.rule, decision.text)
    if not decision.fire:
        await reasons.decided(world, stored, dependent, decision)
    return decision.fire
