"""Gates: at most so many runs at once. A task's gate lets one run through, an agent pool's as many as its count.

A run that finds a gate full is noted as waiting and its message is dropped; the run that ends sends the next one's
message again, then takes itself off. A crash in between doubles a message at most: a holder that is over is dropped by
whoever finds the gate full. A gate belongs to its holders and has no lease of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from baselift.app import keys, run_rows
from baselift.app.dispatch import dispatch
from baselift.app.ports import Conflict, Row, Stale, Value
from baselift.app.world import World

GATES = "gates"


@dataclass(frozen=True, slots=True)
class Gate:
    """Where runs wait for each other."""

    registry: str
    kind: str
    """`task` or `pool`."""
    name: str


@dataclass(frozen=True, slots=True)
class _State:
    """Sequence numbers of runs, in ascending order; no row is a gate with nobody at it."""

    holders: Sequence[int] = ()
    waiting: Sequence[int] = ()


async def enter(world: World, gate: Gate, seq: int, capacity: int) -> bool:
    """Let the run through, or note that it waits. A run that is through stays so when the capacity shrinks."""
    while True:
        state, etag = await _read(world, gate)
        holders = state.holders
        if seq not in holders and len(holders) >= capacity:
            holders = [holder for holder in holders if not await _over(world, gate, holder)]
        through = seq in holders or len(holders) < capacity
        changed = _with(holders, state.waiting, seq, through=through)
        try:
            await _write(world, gate, state, changed, etag)
        except (Conflict, Stale):
            continue
        return through


async def leave(world: World, gate: Gate, seq: int, capacity: int) -> None:
    """Take the run off the gate, whether it is through or waits, and wake who can go through now."""
    while True:
        state, etag = await _read(world, gate)
        holders = _without(state.holders, seq)
        waiting = await _wake(world, gate, _without(state.waiting, seq), capacity - len(holders))
        try:
            await _write(world, gate, state, _State(holders, waiting), etag)
        except (Conflict, Stale):
            continue
        return


async def wake(world: World, gate: Gate, capacity: int | None) -> None:
    """Send the messages of those who can go through now, or of all (None): they will look at the gate again."""
    state, _ = await _read(world, gate)
    free = len(state.waiting) if capacity is None else capacity - len(state.holders)
    await _wake(world, gate, state.waiting, free)


async def waiting(world: World, gate: Gate) -> int:
    """How many runs wait at the gate."""
    state, _ = await _read(world, gate)
    return len(state.waiting)


async def _wake(world: World, gate: Gate, seqs: Sequence[int], free: int) -> Sequence[int]:
    """Wake the first `free` runs that are not over; return the list without those that were found to be over."""
    gone = set()
    for seq in seqs:
        if free <= 0:
            break
        stored = await run_rows.by_seq(world, gate.registry, seq)
        if stored is None or stored.run.status.final:
            gone.add(seq)
            continue
        await dispatch(world, stored.run)
        free -= 1
    return tuple(seq for seq in seqs if seq not in gone)


async def _over(world: World, gate: Gate, seq: int) -> bool:
    stored = await run_rows.by_seq(world, gate.registry, seq)
    return stored is None or stored.run.status.final


def _with(holders: Sequence[int], waiting: Sequence[int], seq: int, *, through: bool) -> _State:
    if through:
        return _State(tuple(sorted({*holders, seq})), _without(waiting, seq))
    return _State(tuple(holders), tuple(sorted({*waiting, seq})))


def _without(seqs: Sequence[int], seq: int) -> tuple[int, ...]:
    return tuple(each for each in seqs if each != seq)


async def _read(world: World, gate: Gate) -> tuple[_State, str]:
    row = await world.tables.get(GATES, *_place(gate))
    if row is None:
        return _State(), ""
    return _State(tuple(json.loads(row.text("holders"))), tuple(json.loads(row.text("waiting")))), row.etag


async def _write(world: World, gate: Gate, before: _State, after: _State, etag: str) -> None:
    """Raises Conflict or Stale when somebody else wrote since `before` was read."""
    if after == before:
        return
    if after == _State():
        await world.tables.delete(GATES, *_place(gate), etag)
        return
    values: dict[str, Value] = {"holders": json.dumps(after.holders), "waiting": json.dumps(after.waiting)}
    row = Row(*_place(gate), values, etag)
    await (world.tables.replace(GATES, row) if etag else world.tables.insert(GATES, row))


def _place(gate: Gate) -> tuple[str, str]:
    return keys.task_partition(gate.registry, gate.name), f"{gate.kind}|{gate.name.lower()}"
