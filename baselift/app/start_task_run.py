"""Declare runs as resources: a task run makes a run when it is new or when its request or forceUpdateTag changed.

The write of its row claims the run's number, so that asking again for what is declared already makes no second run.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from baselift.app import run_rows, task_run_rows
from baselift.app.ports import Conflict, Row, Stale
from baselift.app.request_run import Ask, enter
from baselift.app.task_run_rows import Claim, StoredTaskRun
from baselift.app.world import NotFound, World
from baselift.domain.runs import Run


@dataclass(frozen=True, slots=True)
class Declared:
    """What a task run becomes."""

    document: dict[str, Any]
    ask: Ask | None
    """The run that it starts; None when it keeps the one it has."""


Change = Callable[[Mapping[str, Any] | None], Awaitable[Declared]]
"""From the task run's document as it is, secrets in clear (None: there is none), to what it becomes. A new one asks."""


async def change_task_run(world: World, registry: str, name: str, change: Change) -> tuple[StoredTaskRun, Run]:
    """Apply a change to a task run, and bring the run that it stands for into being."""
    note: Row | None = None
    while True:
        stored = await task_run_rows.get(world, registry, name)
        declared = await change(world.unseal(stored.document) if stored else None)
        note = note or await task_run_rows.expect_run(world, registry, name)
        try:
            changed = await _write(world, registry, name, stored, declared)
        except (Conflict, Stale):
            continue
        run = await _run(world, changed)
        await task_run_rows.entered(world, note)
        return changed, run


async def delete_task_run(world: World, registry: str, name: str) -> bool:
    """Delete a task run; its run goes on. False when there was none."""
    while (stored := await task_run_rows.get(world, registry, name)) is not None:
        try:
            await task_run_rows.remove(world, stored)
        except Stale:
            continue
        return True
    return False


async def get_task_run(world: World, registry: str, name: str) -> tuple[StoredTaskRun, Run | None]:
    """The task run with its run as it is now; None for a moment after it was declared. Raises NotFound."""
    stored = await task_run_rows.get(world, registry, name)
    if stored is None:
        raise NotFound(f"task run '{name}' does not exist in registry '{registry}'")
    return stored, await result(world, stored)


async def result(world: World, stored: StoredTaskRun) -> Run | None:
    """The run of a task run as it is now."""
    found = await run_rows.by_seq(world, stored.registry, stored.claim.seq)
    return None if found is None else found.run


async def repair_task_runs(world: World) -> None:
    """Bring the runs into being whose asker died after the task run was stored."""
    async for note in task_run_rows.pending(world):
        if world.now().timestamp() - float(note.text("sent")) > world.lease.total_seconds():
            stored = await task_run_rows.get(world, note.text("registry"), note.text("name"))
            if stored is not None:
                await _run(world, stored)
            await task_run_rows.entered(world, note)


async def _write(
    world: World, registry: str, name: str, stored: StoredTaskRun | None, declared: Declared
) -> StoredTaskRun:
    document = world.seal(declared.document)
    if stored is None:
        claim = await _claim(world, _asked(declared, name))
        return await task_run_rows.insert(world, StoredTaskRun(registry, name, document, claim, ""))
    claim = stored.claim if declared.ask is None else await _claim(world, declared.ask)
    return await task_run_rows.save(world, StoredTaskRun(stored.registry, stored.name, document, claim, stored.etag))


def _asked(declared: Declared, name: str) -> Ask:
    if declared.ask is None:
        raise ValueError(f"task run '{name}' is new and asks for no run")
    return declared.ask


async def _claim(world: World, ask: Ask) -> Claim:
    seq, identifier = await run_rows.take_sequence(world, ask.registry)
    return Claim(seq, identifier, ask.cause, world.seal(ask.request), ask.run_type, ask.task)


async def _run(world: World, stored: StoredTaskRun) -> Run:
    claim = stored.claim
    request = world.unseal(claim.request)
    ask = Ask(stored.registry, claim.cause, request, claim.run_type, claim.task)
    return await enter(world, ask, claim.seq, claim.id)
