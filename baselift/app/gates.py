"""Gates: at most so many runs at once. A task's gate lets one run through, an agent pool's as many as its count.

A run that finds a gate full is noted as waiting and its message is dropped; the run that ends sends the next one's
message again, then takes itself off. A crash in between doubles a message at most: a holder that is over is dropped by
whoever finds the gate full. A gate belongs to its holders and has no lease of its own.

Who waits goes in turn: of the party that holds least of the gate, or that had its turn longest ago, the oldest run. A
wave is a party, so one with many members does not keep another from starting. People's runs, party "", go before all.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from baselift.app import keys, run_rows
from baselift.app.dispatch import dispatch
from baselift.app.ports import Conflict, Row, Stale, Value
from baselift.app.world import World

GATES = "gates"
_NAMES = ("holders", "waiting", "parties", "served")


@dataclass(frozen=True, slots=True)
class Gate:
    """Where runs wait for each other."""

    registry: str
    kind: str
    """`task`, `pool` or `registry`."""
    name: str


@dataclass(frozen=True, slots=True)
class _State:
    """Sequence numbers of runs, in ascending order; no row is a gate with nobody at it."""

    holders: Sequence[int] = ()
    waiting: Sequence[int] = ()
    parties: Mapping[int, str] = field(default_factory=dict)
    """Of those runs that belong to one."""
    served: Sequence[str] = ()
    """Parties of which a run went through, the latest last."""

    def turns(self) -> Iterator[int]:
        """Those who wait, in the order in which they go through."""
        held = Counter(self.parties.get(each, "") for each in self.holders)
        served, left = list(self.served), list(self.waiting)
        while left:
            seq = min(left, key=lambda each: self._turn(held, served, each))
            party = self.parties.get(seq, "")
            held[party] += 1
            served = _served(served, party)
            left.remove(seq)
            yield seq

    def _turn(self, held: Counter[str], served: Sequence[str], seq: int) -> tuple[int, int, int]:
        party = self.parties.get(seq, "")
        return (held[party] + 1, served.index(party) if party in served else -1, seq) if party else (0, 0, seq)

    def without(self, *seqs: int) -> "_State":
        """These runs neither hold nor wait."""
        holders = tuple(each for each in self.holders if each not in seqs)
        waiting = tuple(each for each in self.waiting if each not in seqs)
        parties = {each: name for each, name in self.parties.items() if each not in seqs}
        served = tuple(each for each in self.served if each in parties.values())
        return _State(holders, waiting, parties, served)


async def enter(world: World, gate: Gate, seq: int, capacity: int, party: str = "") -> bool:
    """Let the run through, or note that it waits. A run that is through stays so when the capacity shrinks.

    A gate with room is passed by those whose turn it is: each of them has been sent a message.
    """
    while True:
        state, etag = await _read(world, gate)
        through, changed = _entered(state, seq, party, capacity)
        while not through and (gone := await _over(world, gate, _before(changed, seq, capacity))):
            through, changed = _entered(changed.without(*gone), seq, party, capacity)
        try:
            await _write(world, gate, state, changed, etag)
        except (Conflict, Stale):
            continue
        return through


async def leave(world: World, gate: Gate, seq: int, capacity: int) -> None:
    """Take the run off the gate, whether it is through or waits, and wake who can go through now."""
    while True:
        state, etag = await _read(world, gate)
        left = state.without(seq)
        left = left.without(*await _wake(world, gate, left, capacity - len(left.holders)))
        try:
            await _write(world, gate, state, left, etag)
        except (Conflict, Stale):
            continue
        return


async def wake(world: World, gate: Gate, capacity: int | None) -> None:
    """Send the messages of those who can go through now, or of all (None): they will look at the gate again."""
    state, _ = await _read(world, gate)
    free = len(state.waiting) if capacity is None else capacity - len(state.holders)
    await _wake(world, gate, state, free)


async def waiting(world: World, gate: Gate) -> int:
    """How many runs wait at the gate."""
    state, _ = await _read(world, gate)
    return len(state.waiting)


async def _wake(world: World, gate: Gate, state: _State, free: int) -> Sequence[int]:
    """Wake the first `free` runs that are not over; return those that were found to be over."""
    gone: list[int] = []
    for seq in state.turns():
        if free <= 0:
            break
        stored = await run_rows.by_seq(world, gate.registry, seq)
        if stored is None or stored.run.status.final:
            gone.append(seq)
            continue
        await dispatch(world, [stored.run])
        free -= 1
    return gone


async def _over(world: World, gate: Gate, seqs: Sequence[int]) -> Sequence[int]:
    """Those of some runs that are over: who ended them died before they were taken off."""
    stored = [(seq, await run_rows.by_seq(world, gate.registry, seq)) for seq in seqs]
    return [seq for seq, found in stored if found is None or found.run.status.final]


def _before(state: _State, seq: int, capacity: int) -> Sequence[int]:
    """The runs because of which one that waits is not through: holders, and those whose turn it is."""
    ahead = islice(state.turns(), max(0, capacity - len(state.holders)))
    return [*state.holders, *(each for each in ahead if each != seq)]


def _entered(state: _State, seq: int, party: str, capacity: int) -> tuple[bool, _State]:
    """Whether the run is through, and the gate then."""
    if seq in state.holders:
        return True, state
    parties = {**state.parties, seq: party} if party else state.parties
    asked = _State(state.holders, tuple(sorted({*state.waiting, seq})), parties, state.served)
    if seq not in islice(asked.turns(), max(0, capacity - len(state.holders))):
        return False, asked
    waiting = tuple(each for each in asked.waiting if each != seq)
    return True, _State(tuple(sorted((*state.holders, seq))), waiting, parties, tuple(_served(state.served, party)))


def _served(served: Sequence[str], party: str) -> list[str]:
    return [*(each for each in served if each != party), *([party] if party else [])]


async def _read(world: World, gate: Gate) -> tuple[_State, str]:
    row = await world.tables.get(GATES, *_place(gate))
    if row is None:
        return _State(), ""
    holders, waiting, parties, served = (json.loads(str(row.values.get(name, "[]"))) for name in _NAMES)
    of_runs = {seq: party for party, seqs in parties for seq in seqs}
    return _State(tuple(holders), tuple(waiting), of_runs, tuple(served)), row.etag


async def _write(world: World, gate: Gate, before: _State, after: _State, etag: str) -> None:
    """Raises Conflict or Stale when somebody else wrote since `before` was read."""
    if after == before:
        return
    if after == _State():
        await world.tables.delete(GATES, *_place(gate), etag)
        return
    parties: dict[str, list[int]] = {}
    for seq, party in after.parties.items():
        parties.setdefault(party, []).append(seq)
    written = (after.holders, after.waiting, list(parties.items()), after.served)
    values: dict[str, Value] = {name: json.dumps(each) for name, each in zip(_NAMES, written, strict=True)}
    row = Row(*_place(gate), values, etag)
    await (world.tables.replace(GATES, row) if etag else world.tables.insert(GATES, row))


def _place(gate: Gate) -> tuple[str, str]:
    return keys.task_partition(gate.registry, gate.name), f"{gate.kind}|{gate.name.lower()}"
