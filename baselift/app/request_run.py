"""Ask for a run. One path for people, timers, git pushes and moved bases: the same cause never makes a second run."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselift.app import keys, run_rows
from baselift.app.dispatch import activate, dispatch, messages
from baselift.app.ports import Conflict, Row
from baselift.app.world import World
from baselift.domain.runs import Cause, Run, run_id

KEYS = "keys"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """A run that someone or something wants."""

    registry: str
    cause: Cause
    request: Mapping[str, Any]
    """Run request in the API's shape, secrets in clear; they are sealed before it is stored."""
    run_type: str
    task: str | None = None
    trace: str = ""
    """As in `Run`; empty for the trace that is being followed."""

    @property
    def key(self) -> str:
        """The run key: task and cause."""
        return _run_key(self.task, self.cause)


async def request_run(world: World, ask: Ask) -> Run:
    """Queue a run, or return the one that this cause made before."""
    return await enter(world, ask, *await _claim(world, ask))


async def enter(world: World, ask: Ask, seq: int, identifier: str) -> Run:
    """Bring a claimed run into being. Every step may be repeated: a run half entered is completed."""
    stored = await run_rows.by_seq(world, ask.registry, seq)
    if stored is not None and stored.run.status.final:
        return stored.run
    runs = [run_of(world, ask, seq, identifier)]
    await prepare(world, runs)
    (run,) = await queue(world, runs)
    return run


async def prepare(world: World, runs: Sequence[Run]) -> None:
    """Write what runs need before they come into being. All of it may be there for a run that never does.

    The `active` row is among it, so that the reconciler finds whatever the following steps leave undone.
    """
    await asyncio.gather(
        activate(world, [(run.registry, run.seq) for run in runs]),
        *(run_rows.point(world, run) for run in runs),
        *(world.blobs.create_log(log_name(run)) for run in runs),
    )


async def queue(world: World, runs: Sequence[Run]) -> list[Run]:
    """Bring prepared runs into being and hand them to the queue; those that are there already are returned as they are.

    From its row on a run exists: whatever is left undone then, the reconciler does.
    """
    if not runs:
        return []
    stored, depth = await asyncio.gather(run_rows.add_all(world, runs), messages(world))
    if late := [(run.registry, run.seq) for run in runs if world.now() - run.created > world.lease]:
        # Held up for so long, the reconciler may have taken them for runs that never came into being.
        await activate(world, late)
    there = [each.run for each in stored]
    await dispatch(world, there, depth)
    return there


def log_name(run: Run) -> str:
    """Name of the run's log blob."""
    return f"{run.registry.lower()}/{run.id}"


def claim_place(run: Run) -> tuple[str, str, str]:
    """Table, partition and key of the row by which the run's cause makes no second one, where it has such a row."""
    key = _run_key(run.task, run.cause)
    return KEYS, _claim_partition(run.registry, key), key


def _run_key(task: str | None, cause: Cause) -> str:
    return f"{(task or '').lower()}|{cause.kind}|{cause.key}"


def _claim_partition(registry: str, key: str) -> str:
    return f"{registry.lower()}|{keys.short(key, 2)}"


async def _claim(world: World, ask: Ask) -> tuple[int, str]:
    partition = _claim_partition(ask.registry, ask.key)
    row = await world.tables.get(KEYS, partition, ask.key)
    if row is not None:
        return _claimed(row)
    seq, identifier = await run_rows.take_sequence(world, ask.registry)
    try:
        await world.tables.insert(KEYS, Row(partition, ask.key, {"seq": seq, "prefix": identifier[:2]}))
    except Conflict:
        row = await world.tables.get(KEYS, partition, ask.key)
        if row is None:
            raise
        return _claimed(row)
    return seq, identifier


def _claimed(row: Row) -> tuple[int, str]:
    seq = row.number("seq")
    return seq, run_id(row.text("prefix"), seq)


def run_of(world: World, ask: Ask, seq: int, identifier: str) -> Run:
    """The run that is asked for, as it is at its beginning."""
    request = world.seal(ask.request)
    now = world.now()
    return Run(
        registry=ask.registry,
        seq=seq,
        id=identifier,
        cause=ask.cause,
        request=request,
        created=now,
        updated=now,
        run_type=ask.run_type,
        task=ask.task,
        timeout=int(request.get("timeout") or 3600),
        agent_pool=request.get("agentPoolName"),
        archived=bool(request.get("isArchiveEnabled")),
        trace=ask.trace or world.telemetry.trace(),
    )
