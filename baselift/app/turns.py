"""Whose turn it is: a run starts when the gates of its task, its agent pool and its registry let it through.

One run of a task at a time, so that an older run cannot put a tag back over a newer one. All runs take the gates in the
same order, so that no two wait for each other; the widest last, so that who waits for a narrow one holds no room there.
Waves alone pass their registry's gate: what people, timers and commits ask for is not held up by waves.
"""

from baselift.app import gates, pool_rows
from baselift.app.dispatch import party
from baselift.app.gates import Gate
from baselift.app.waves import wave_rows
from baselift.app.world import World
from baselift.domain.runs import Run


class NoPool(Exception):
    """The agent pool that the run is for does not exist."""


async def take(world: World, run: Run) -> bool:
    """True when the run may start; False when it waits, and is sent again when its turn comes.

    Raises:
        NoPool: its agent pool does not exist: it can never start.
    """
    if run.task is not None and not await gates.enter(world, Gate(run.registry, "task", run.task), run.seq, 1):
        return False
    if run.agent_pool is not None and not await _enter_pool(world, run, run.agent_pool):
        return False
    limit = _limit(world, run)
    return not limit or await gates.enter(world, _of_registry(run), run.seq, limit, party(run))


async def give_back(world: World, run: Run) -> None:
    """Take a run that is over off its gates, and wake who waits for it. May be repeated."""
    if run.task is not None:
        await gates.leave(world, Gate(run.registry, "task", run.task), run.seq, 1)
    if run.agent_pool is not None:
        count = await pool_rows.count(world, run.registry, run.agent_pool)
        await gates.leave(world, Gate(run.registry, "pool", run.agent_pool), run.seq, count or 0)
    if limit := _limit(world, run):
        await gates.leave(world, _of_registry(run), run.seq, limit)


def _limit(world: World, run: Run) -> int:
    """Runs of waves of its registry that may be built at once; 0 where that does not concern it."""
    return world.waves.registry if wave_rows.place_of(run.cause) else 0


def _of_registry(run: Run) -> Gate:
    return Gate(run.registry, "registry", "")


async def _enter_pool(world: World, run: Run, pool: str) -> bool:
    count = await _count(world, run, pool)
    while not await gates.enter(world, Gate(run.registry, "pool", pool), run.seq, count, party(run)):
        # A change of the pool wakes those who are noted by then: who was noted just after has to look himself.
        now = await _count(world, run, pool)
        if now == count:
            return False
        count = now
    return True


async def _count(world: World, run: Run, pool: str) -> int:
    count = await pool_rows.count(world, run.registry, pool)
    if count is None:
        raise NoPool(f"agent pool '{pool}' does not exist in registry '{run.registry}'")
    return count
