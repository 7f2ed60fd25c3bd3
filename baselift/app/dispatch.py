"""Hand runs to the build queue, which holds a window of messages; the rest waits in tables, where it costs nothing.

A run that finds the window full leaves a row in the lane of its kind, and is fed to the queue in its turn. A run that
people asked for leaves a row whenever others are before it: builders look at that lane before they start anything else.
Messages and rows are hints, like everything in a queue: a run may have both, or several, and is built once.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from baselift.app import keys, run_rows
from baselift.app.ports import Row, Value
from baselift.app.run_rows import Stored
from baselift.app.world import BUILDS, World
from baselift.domain.runs import Run

WAITING, FIRST, OTHERS = "waiting", "0", "1"
"""The table of runs that wait, and its partitions: runs that people asked for, and all others."""
LOOKED_AT = 8
"""Rows of the first lane that a builder looks at: those of runs that are over meanwhile are in the way."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for a place in the queue."""

    registry: str
    seq: int
    row: Row


async def dispatch(world: World, run: Run) -> None:
    """Hand the run to the queue, or have it wait. May be repeated: any number of messages is harmless."""
    depth = await world.queues.depth(BUILDS) if world.window else 0
    asked, room = run.cause.kind == "request", not world.window or depth < world.window
    if not room or (asked and depth):
        await world.tables.upsert(WAITING, _row(run, FIRST if asked else OTHERS))
    if room:
        await _send(world, run.registry, run.id)


async def activate(world: World, registry: str, seq: int) -> None:
    """List a run among those that are not over. `sent` is when its message was last sent, as epoch seconds."""
    values: dict[str, Value] = {"seq": seq, "sent": world.now().timestamp(), "registry": registry}
    await world.tables.upsert(
        run_rows.ACTIVE, Row(keys.active_partition(registry, seq), keys.newest_first(seq), values)
    )


async def choose(world: World, registry: str, identifier: str) -> tuple[str, str]:
    """Which run a builder begins that got this run's message: one that people wait for goes first.

    The run that has to wait is sent again before the other is taken from its lane.
    """
    looked = 0
    async for row in world.tables.query(WAITING, partition=FIRST):
        if (looked := looked + 1) > LOOKED_AT:
            break
        waiting = _waiting(row)
        stored = await _open(world, waiting)
        if stored is None or stored.run.leased(world.now()):
            await _take(world, waiting)
            continue
        chosen = stored.run
        if (chosen.registry.lower(), chosen.id) != (registry.lower(), identifier.lower()):
            log.info("run %s goes before run %s", chosen.id, identifier)
            await _send(world, registry, identifier)
        await _take(world, waiting)
        return chosen.registry, chosen.id
    return registry, identifier


async def feed(world: World, own: int = 0) -> None:
    """Send messages of waiting runs until the window is full.

    Args:
        world: the world.
        own: messages that the caller is handling, which the queue still counts.
    """
    if not world.window:
        return
    room, idle = 0, False
    async for row in world.tables.query(WAITING, partitions=(FIRST, OTHERS + "~")):
        if not room:
            depth = await world.queues.depth(BUILDS) - own
            room, idle = world.window - depth, depth <= 0
        if room <= 0:
            return
        # As long as there are messages, builders come by and look at the first lane themselves.
        if (row.partition == OTHERS or idle) and await _feed(world, _waiting(row)):
            room -= 1
            if not room:
                return


async def waiting(world: World) -> set[tuple[str, int]]:
    """Registry, in lower case, and number of the runs that wait for a place in the queue."""
    found = (_waiting(row) async for row in world.tables.query(WAITING, partition=OTHERS))
    return {(each.registry.lower(), each.seq) async for each in found}


async def _feed(world: World, waiting: Waiting) -> bool:
    """Send the message before the row goes; False for a run that needs none any more."""
    stored = await _open(world, waiting)
    if stored is not None:
        await activate(world, waiting.registry, waiting.seq)
        await _send(world, stored.run.registry, stored.run.id)
    await _take(world, waiting)
    return stored is not None


async def _open(world: World, waiting: Waiting) -> Stored | None:
    stored = await run_rows.by_seq(world, waiting.registry, waiting.seq)
    return None if stored is None or stored.run.status.final else stored


async def _send(world: World, registry: str, identifier: str) -> None:
    await world.queues.send(BUILDS, f"{registry} {identifier}")


async def _take(world: World, waiting: Waiting) -> None:
    await world.tables.delete(WAITING, waiting.row.partition, waiting.row.key)


def _row(run: Run, lane: str) -> Row:
    """The longest waiting first, over all registries."""
    key = f"{_milliseconds(run.created):014d}|{run.registry.lower()}|{run.seq:010d}"
    return Row(lane, key, {"registry": run.registry, "seq": run.seq})


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _waiting(row: Row) -> Waiting:
    return Waiting(row.text("registry"), row.number("seq"), row)
