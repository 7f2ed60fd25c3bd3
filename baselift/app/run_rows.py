"""Runs in tables. The run row's conditional write is the only commit point of a run.

`runs` holds the truth, newest first; `runsbytask` points from a task to its runs; `active` lists the runs that are not
over, so that repairs need not read the others; `seqs` counts.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from baselift.app import codec, keys, run_telemetry
from baselift.app.ports import AHEAD, WHOLE, Conflict, Row, Value, Write
from baselift.app.world import World
from baselift.domain.runs import Run, Status, run_id, sequence

RUNS, BY_TASK, ACTIVE = "runs", "runsbytask", "active"
AT_ONCE = 16
"""Runs that are read side by side."""
TOGETHER = 16
"""New runs in one batch: so many are within 4 MiB even where each fills its row and every character is escaped."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as read, with the ETag that makes the next write conditional."""

    run: Run
    etag: str


async def get(world: World, registry: str, identifier: str) -> Stored | None:
    """The run with this id; None when there is none."""
    seq = sequence(identifier)
    stored = None if seq is None else await by_seq(world, registry, seq)
    return stored if stored is not None and stored.run.id == identifier.lower() else None


async def by_seq(world: World, registry: str, seq: int) -> Stored | None:
    """The run with this sequence number; None when there is none."""
    row = await world.tables.get(RUNS, keys.run_partition(registry, seq), keys.newest_first(seq))
    return None if row is None else _decode(row)


async def save(world: World, stored: Stored, run: Run) -> Stored:
    """Write the run if nobody wrote it since it was read. Raises Stale."""
    saved = Stored(run, await world.tables.replace(RUNS, _encode(run, stored.etag)))
    run_telemetry.changed(world.telemetry, stored.run, run)
    return saved


async def add(world: World, run: Run) -> Stored:
    """Store a new run; one that is there already is returned as it is."""
    try:
        return Stored(run, await world.tables.insert(RUNS, _encode(run)))
    except Conflict:
        stored = await by_seq(world, run.registry, run.seq)
        if stored is None:
            raise
        return stored


async def add_all(world: World, runs: Sequence[Run]) -> list[Stored]:
    """Store new runs; those that are there already are returned as they are."""
    parts = defaultdict[str, list[Run]](list)
    for run in runs:
        parts[keys.run_partition(run.registry, run.seq)].append(run)
    batches = [part[at : at + TOGETHER] for part in parts.values() for at in range(0, len(part), TOGETHER)]
    added = [each for batch in await asyncio.gather(*(_add_part(world, batch) for batch in batches)) for each in batch]
    found = {(each.run.registry.lower(), each.run.seq): each for each in added}
    return [found[run.registry.lower(), run.seq] for run in runs]


async def _add_part(world: World, runs: Sequence[Run]) -> Sequence[Stored]:
    """Runs of one partition."""
    if len(runs) > 1:
        with suppress(Conflict):
            etags = await world.tables.batch(RUNS, [Write("insert", _encode(run)) for run in runs])
            return [Stored(run, etag) for run, etag in zip(runs, etags, strict=True)]
    return await asyncio.gather(*(add(world, run) for run in runs))


async def point(world: World, run: Run) -> None:
    """Make the run findable by its task."""
    if run.task is not None:
        partition = keys.task_runs_partition(run.registry, run.task)
        await world.tables.upsert(BY_TASK, Row(partition, keys.newest_first(run.seq), {"seq": run.seq}))


async def newest(world: World, registry: str, below: int | None = None) -> AsyncIterator[Run]:
    """The runs of a registry, newest first, from the one before `below` on."""
    async for _, run in looked_through(world, registry, None, below):
        if run is not None:
            yield run


async def looked_through(
    world: World, registry: str, statuses: frozenset[Status] | None, below: int | None = None, *, ahead: int = AHEAD
) -> AsyncIterator[tuple[int, Run | None]]:
    """The numbers of a registry's runs, as `newest`, each with its run where that has one of the statuses.

    The others cost no decoding. `ahead` as in `Tables.query`.
    """
    low, high = keys.of_registry(registry)
    if below is not None:
        low = keys.run_partition(registry, below)
    async for row in world.tables.query(RUNS, partitions=(low, high), ahead=ahead):
        seq = keys.seq_of(row.key)
        if below is None or seq < below:
            wanted = statuses is None or row.text("status") in statuses
            yield seq, _decode(row).run if wanted else None


async def together(world: World, registry: str, block: int) -> AsyncIterator[Stored]:
    """The runs of one partition, newest first; block 0 holds the oldest."""
    async for row in world.tables.query(RUNS, partition=keys.runs_partition(registry, block)):
        yield _decode(row)


async def newest_of_task(
    world: World, registry: str, task: str, below: int | None = None, *, ahead: int = AHEAD
) -> AsyncIterator[Run]:
    """The runs of one task, newest first, from the one before `below` on. `ahead` as in `Tables.query`."""
    span = None if below is None else (keys.newest_first(below - 1), "~")
    found, size = list[int](), 1
    partition = keys.task_runs_partition(registry, task)
    async for row in world.tables.query(BY_TASK, partition=partition, keys=span, ahead=ahead):
        found.append(row.number("seq"))
        if len(found) == size:
            # Most readers want one run, or a few: more are read side by side only once the first were wanted.
            for run in await _of_task(world, registry, task, found):
                yield run
            found, size = [], min(2 * size, AT_ONCE)
    for run in await _of_task(world, registry, task, found):
        yield run


async def _of_task(world: World, registry: str, task: str, seqs: Sequence[int]) -> list[Run]:
    found = await these(world, registry, seqs)
    return [run for run in found if run.task is not None and run.task.lower() == task.lower()]


async def these(world: World, registry: str, seqs: Sequence[int]) -> list[Run]:
    """The runs with these numbers, in that order, read side by side; those that are gone are left out."""
    found = await asyncio.gather(*(by_seq(world, registry, seq) for seq in seqs))
    return [stored.run for stored in found if stored is not None]


async def newest_active(world: World, registry: str, below: int | None = None) -> AsyncIterator[Run]:
    """The runs of a registry that are not over, newest first, from the one before `below` on."""
    for seq in await active_seqs(world, registry):
        stored = await by_seq(world, registry, seq) if below is None or seq < below else None
        if stored is not None and not stored.run.status.final:
            yield stored.run


async def active_seqs(world: World, registry: str) -> list[int]:
    """The numbers of the runs that are not over, or about to be, the newest first."""
    rows = world.tables.query(ACTIVE, partitions=keys.of_registry(registry), ahead=WHOLE)
    return sorted([row.number("seq") async for row in rows], reverse=True)


async def is_active(world: World, run: Run) -> bool:
    """True while the run is listed among those that are not over, its last steps included."""
    partition, key = keys.active_partition(run.registry, run.seq), keys.newest_first(run.seq)
    return await world.tables.get(ACTIVE, partition, key) is not None


async def deactivate(world: World, run: Run) -> None:
    """Take the run off the list of those that are not over."""
    await world.tables.delete(ACTIVE, keys.active_partition(run.registry, run.seq), keys.newest_first(run.seq))


async def take_sequence(world: World, registry: str) -> tuple[int, str]:
    """The next sequence number and its run id. A number is never given twice; gaps are allowed."""
    seq, prefix = await world.numbers.take(world.tables, registry.lower(), lambda: _prefix(registry))
    return seq, run_id(prefix, seq)


def _prefix(registry: str) -> str:
    # Two letters tell the runs of two registries apart; c and d are what ACR's own ids begin with.
    number = int(keys.short(registry.lower(), 4), 16)
    return "cd"[number % 2] + chr(ord("a") + number // 2 % 26)


def _encode(run: Run, etag: str = "") -> Row:
    values: dict[str, Value] = {"status": run.status.value, "task": run.task or "", "doc": codec.dump(run)}
    return Row(keys.run_partition(run.registry, run.seq), keys.newest_first(run.seq), values, etag)


def _decode(row: Row) -> Stored:
    return Stored(codec.load(Run, row.text("doc")), row.etag)
