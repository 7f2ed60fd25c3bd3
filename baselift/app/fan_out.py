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
from baselift.app.waves.start_member import waits
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
    if await pauses.of_base(world, str(stored.base.image)) is not None:
        return []
    dependents = [dependent async for dependent in base_rows.dependents(world, stored.base.image)]
    runs = await _follow(world, stored, dependents)
    try:
        await base_rows.save(world, replace(stored, fanning=False))
    except Stale:
        log.info("%s moved again meanwhile", stored.base.image)
    return runs


async def follow(world: World, stored: StoredBase, dependent: StoredDependent) -> None:
    """Have one dependent rebuilt that turns out to be behind its base; of a paused base, when the pause ends."""
    if await pauses.of_base(world, str(stored.base.image)) is None:
        await _follow(world, stored, [dependent])
        return
    current: StoredBase | None = stored
    while current is not None and not current.fanning:
        try:
            current = await base_rows.save(world, replace(current, fanning=True))
        except Stale:
            current = await base_rows.get(world, stored.base.image)


async def _follow(world: World, stored: StoredBase, dependents: Sequence[StoredDependent]) -> list[Run]:
    """Have those of some dependents rebuilt that the movement of their base concerns, and all that depends on them."""
    found = await together(dependents, lambda dependent: _root(world, stored, dependent))
    roots = [root for root in found if root is not None]
    return await start_wave(world, stored, roots) if roots else []


async def _root(world: World, stored: StoredBase, dependent: StoredDependent) -> Root | None:
    """The dependent where it is to be rebuilt and does not wait in a wave already."""
    registry, name = dependent.edge.registry, dependent.edge.task
    task, follower = await asyncio.gather(task_rows.get(world, registry, name), followers.get(world, registry, name))
    if task is None:
        await base_rows.remove_dependent(world, stored.base.image, registry, name)
        return None
    if not await _fires(world, stored, dependent, task):
        return None
    if await waits(world, follower):
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
