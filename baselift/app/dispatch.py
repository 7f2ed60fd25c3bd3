"""Hand runs to the build queue, which holds a window of messages; the rest waits in tables, where it costs nothing.

A run that finds the window full leaves a row in the lane of its kind, and is fed to the queue in its turn, waves taking
turns. A run that people asked for leaves a row whenever others are before it: builders look at that lane before they
start anything else.
Messages and rows are hints, like everything in a queue: a run may have both, or several, and is built once.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from zlib import crc32

from baselift.app import keys, run_rows
from baselift.app.ports import Row, Value, Write
from baselift.app.run_rows import Stored
from baselift.app.waves import wave_rows
from baselift.app.world import BUILDS, World
from baselift.domain.runs import Run

WAITING, FIRST, OTHERS = "waiting", "0", "1"
"""The table of runs that wait, and its partitions: runs that people asked for, and all others."""
AHEAD = 200
"""Waiting rows among which waves take turns."""
LOOKED_AT = 8
"""Rows of the first lane that a builder looks at: those of runs that are over meanwhile are in the way."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for a place in the queue."""

    registry: str
    seq: int
    row: Row


async def dispatch(world: World, runs: Sequence[Run], depth: int | None = None) -> None:
    """Hand runs to the queue, or have them wait. May be repeated: any number of messages is harmless.

    `depth`: messages that the queue holds, where that was asked just now.
    """
    before = await messages(world) if depth is None else depth
    await asyncio.gather(*(_hand(world, run, before + number) for number, run in enumerate(runs)))


async def messages(world: World) -> int:
    """About how many messages the build queue holds; 0 where it may hold any number."""
    return await world.queues.depth(BUILDS) if world.window else 0


async def _hand(world: World, run: Run, depth: int) -> None:
    asked, room = run.cause.kind == "request", not world.window or depth < world.window
    if not room or (asked and depth):
        await world.tables.upsert(WAITING, _row(run, FIRST if asked else OTHERS))
    if room:
        await _send(world, run.registry, run.id)


async def activate(world: World, runs: Iterable[tuple[str, int]]) -> None:
    """List runs, given by registry and number, among those that are not over.

    `sent` is when their messages were last sent, as epoch seconds.
    """
    sent, together = world.now().timestamp(), defaultdict[str, list[Write]](list)
    for registry, seq in runs:
        values: dict[str, Value] = {"seq": seq, "sent": sent, "registry": registry}
        row = Row(keys.active_partition(registry, seq), keys.newest_first(seq), values)
        together[row.partition].append(Write("upsert", row))
    await asyncio.gather(*(world.tables.batch(run_rows.ACTIVE, writes) for writes in together.values()))


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
    for row in await _in_turn(world):
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


async def _in_turn(world: World) -> list[Row]:
    """Rows of those who wait: people's first, then one of each party after the other, a party drawn by lot first.

    Whoever feeds one run only begins anew each time: without the lot the party that came first would be fed alone.
    """
    parties: dict[str, list[Row]] = {}
    found = 0
    async for row in world.tables.query(WAITING, partitions=(FIRST, OTHERS + "~")):
        name = FIRST if row.partition == FIRST else str(row.values.get("party", ""))
        parties.setdefault(name, []).append(row)
        if (found := found + 1) == AHEAD:
            break
    asked, others = parties.pop(FIRST, []), list(parties.values())
    lot = crc32(world.token().encode()) % len(others) if len(others) > 1 else 0
    rounds = zip_longest(*others[lot:], *others[:lot])
    return [*asked, *(row for each in rounds for row in each if row is not None)]


async def waiting(world: World) -> set[tuple[str, int]]:
    """Registry, in lower case, and number of the runs that wait for a place in the queue."""
    found = (_waiting(row) async for row in world.tables.query(WAITING, partition=OTHERS))
    return {(each.registry.lower(), each.seq) async for each in found}


async def _feed(world: World, waiting: Waiting) -> bool:
    """Send the message before the row goes; False for a run that needs none any more."""
    stored = await _open(world, waiting)
    if stored is not None:
        await activate(world, [(waiting.registry, waiting.seq)])
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
    return Row(lane, key, {"registry": run.registry, "seq": run.seq, "party": party(run)})


def party(run: Run) -> str:
    """Those with whom a run shares its turns: its wave, or what else caused it; empty for people."""
    place = wave_rows.place_of(run.cause)
    return place[0] if place else "" if run.cause.kind == "request" else run.cause.kind


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _waiting(row: Row) -> Waiting:
    return Waiting(row.text("registry"), row.number("seq"), row)
