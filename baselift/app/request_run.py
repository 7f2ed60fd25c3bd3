"""Ask for a run. One path for people, timers, git pushes and moved bases: the same cause never makes a second run."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baselift.app import keys, run_rows
from baselift.app.ports import Conflict, Row, Value
from baselift.app.world import BUILDS, World
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

    @property
    def key(self) -> str:
        """The run key: task and cause."""
        return f"{(self.task or '').lower()}|{self.cause.kind}|{self.cause.key}"


async def request_run(world: World, ask: Ask) -> Run:
    """Queue a run, or return the one that this cause made before."""
    return await enter(world, ask, *await _claim(world, ask))


async def enter(world: World, ask: Ask, seq: int, identifier: str) -> Run:
    """Bring a claimed run into being. Every step may be repeated: a run half entered is completed.

    The `active` row comes first, so that the reconciler finds whatever the following steps leave undone.
    """
    run = _run(world, ask, seq, identifier)
    stored = await run_rows.by_seq(world, ask.registry, seq)
    if stored is not None and stored.run.status.final:
        return stored.run
    began = world.now()
    await activate(world, run)
    stored = await run_rows.add(world, run)
    if world.now() - began > world.lease:
        # Held up for so long, the reconciler may have taken the run for one that never came into being.
        await activate(world, run)
    await run_rows.point(world, stored.run)
    await world.blobs.create_log(log_name(run))
    await dispatch(world, stored.run)
    return stored.run


async def activate(world: World, run: Run) -> None:
    """List the run among those that are not over. `sent` is when its message was last sent, as epoch seconds."""
    values: dict[str, Value] = {"seq": run.seq, "sent": world.now().timestamp(), "registry": run.registry}
    row = Row(keys.active_partition(run.registry, run.seq), keys.newest_first(run.seq), values)
    await world.tables.upsert(run_rows.ACTIVE, row)


async def dispatch(world: World, run: Run) -> None:
    """Hand the run's id to the queue. A message is a hint: any number of them is harmless."""
    await world.queues.send(BUILDS, f"{run.registry} {run.id}")


def log_name(run: Run) -> str:
    """Name of the run's log blob."""
    return f"{run.registry.lower()}/{run.id}"


async def _claim(world: World, ask: Ask) -> tuple[int, str]:
    partition = f"{ask.registry.lower()}|{keys.short(ask.key, 2)}"
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


def _run(world: World, ask: Ask, seq: int, identifier: str) -> Run:
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
    )
