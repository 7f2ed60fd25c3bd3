"""Carry out a movement: decide about each dependent of the base, and ask for the runs that it causes."""

import logging
from dataclasses import replace

from baselift.app import base_rows, run_rows, task_rows
from baselift.app.base_rows import StoredBase, StoredDependent
from baselift.app.ports import Stale
from baselift.app.request_run import Ask, enter
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import requests, tasks
from baselift.domain.runs import Cause, ImageDescriptor, Run, run_id
from baselift.domain.staleness import verdict

log = logging.getLogger(__name__)


async def fan_out(world: World, stored: StoredBase) -> list[Run]:
    """Ask for a run of each dependent that the movement concerns; done again, it asks for none twice."""
    runs = [
        run
        async for dependent in base_rows.dependents(world, stored.base.image)
        if (run := await settle(world, stored, dependent)) is not None
    ]
    try:
        await base_rows.save(world, replace(stored, fanning=False))
    except Stale:
        log.info("%s moved again meanwhile", stored.base.image)
    return runs


async def settle(world: World, stored: StoredBase, dependent: StoredDependent) -> Run | None:
    """Decide about one dependent and, where the verdict is to rebuild, claim its run on the edge and enter it."""
    current: StoredDependent | None = dependent
    while current is not None:
        task = await task_rows.get(world, current.edge.registry, current.edge.task)
        if task is None:
            await base_rows.remove_dependent(world, stored.base.image, current.edge.registry, current.edge.task)
            return None
        claimed = current.seq and current.edge.generation == stored.base.generation
        if not claimed and not await _fires(world, stored, current, task):
            return None
        try:
            claim = current if claimed else await _claim(world, stored, current)
        except Stale:
            # Somebody else decides about this edge, or its task was just built: decide again on what is there now.
            current = await base_rows.dependent(world, stored.base.image, current.edge.registry, current.edge.task)
            continue
        return await _enter(world, stored, claim, task)
    return None


async def _fires(world: World, stored: StoredBase, dependent: StoredDependent, task: StoredTask) -> bool:
    edge = dependent.edge
    named = tasks.outputs(tasks.step(task.document), await world.registrations.address(edge.registry))
    outputs = [await world.registrations.home(image) for image in named]
    decision = verdict(task.document, edge, stored.base, outputs)
    log.info("task %s, base %s: %s (%s)", edge.task, stored.base.image, decision.rule, decision.text)
    return decision.fire


async def _claim(world: World, stored: StoredBase, dependent: StoredDependent) -> StoredDependent:
    seq, identifier = await run_rows.take_sequence(world, dependent.edge.registry)
    edge = replace(dependent.edge, digest=stored.base.digest, generation=stored.base.generation)
    claim = replace(dependent, edge=edge, seq=seq, prefix=identifier[:2])
    await base_rows.save_dependent(world, stored.base.image, claim)
    return claim


async def _enter(world: World, stored: StoredBase, claim: StoredDependent, task: StoredTask) -> Run:
    base = stored.base
    moved = ImageDescriptor(base.image.registry, base.image.repository, base.image.tag, base.digest)
    cause = Cause("image", f"{base.image}@{base.generation}", stored.moved, (moved,))
    request = requests.of_task(world.unseal(task.document))
    ask = Ask(claim.edge.registry, cause, request, requests.run_type(request, of_task=True), task.name)
    return await enter(world, ask, claim.seq, run_id(claim.prefix, claim.seq))
