"""Count what there is now: edges that are stale, members that waves wait for, messages in queues.

Only where somebody listens, and seldom: it reads every edge.
"""

from collections import Counter
from datetime import timedelta

from baselift.app import base_rows, task_rows
from baselift.app.edge_states import states_of
from baselift.app.waves import wave_rows
from baselift.app.waves.walk import together
from baselift.app.world import BUILDS, LOOKS, NOTICES, SCANS, WAVES, World
from baselift.domain.edges.states import STALE, behind

EVERY = timedelta(minutes=5)
QUEUES = (BUILDS, LOOKS, NOTICES, SCANS, WAVES)


async def take_stock(world: World) -> None:
    """Tell the gauges, where it is time."""
    if not world.telemetry.stock_due(world.now(), EVERY):
        return
    for registry, count in (await _stale(world)).items():
        world.telemetry.record("baselift.edges.stale", count, registry=registry)
    world.telemetry.record("baselift.waves.open", await _open(world))
    for queue in QUEUES:
        for name in (queue, f"{queue}-poison"):
            world.telemetry.record("baselift.queue.messages", await world.queues.depth(name), queue=name)


async def _stale(world: World) -> Counter[str]:
    """Stale edges by registry, each registry that has edges included. Reads the tasks of those that seem so only."""
    bases = {str(stored.base.image): stored.base async for stored in base_rows.every(world)}
    found, suspects = Counter[str](), set[tuple[str, str]]()
    async for image, stored in base_rows.every_dependent(world):
        edge = stored.edge
        found[edge.registry] += 0
        if behind(edge.built or edge.digest, edge, bases.get(image)):
            suspects.add((edge.registry, edge.task))
    for registry, count in await together(sorted(suspects), lambda each: _of_task(world, *each)):
        found[registry] += count
    return found


async def _of_task(world: World, registry: str, name: str) -> tuple[str, int]:
    task = await task_rows.get(world, registry, name)
    edges = (await states_of(world, task)).edges if task else ()
    return registry, sum(edge.state == STALE for edge in edges)


async def _open(world: World) -> int:
    """Members that are not settled, of all waves that are not over."""
    count = 0
    async for row in wave_rows.active(world):
        stored = await wave_rows.tally(world, row.text("plan"))
        count += stored.tally.total - stored.tally.settled if stored else 0
    return count
