"""One attempt at a task file: its steps, each when the steps it waits for are done; the first failure ends the run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from baselift.app import credentials
from baselift.app.build_run import Built, facts, fetch, twin_facts
from baselift.app.clear import clear
from baselift.app.lease import Lease
from baselift.app.open_task_file import Opened, open_task_file
from baselift.app.run_log import RunLog, hidden
from baselift.app.steps import Site, Steps
from baselift.app.world import World
from baselift.domain.builds import Failure, Source
from baselift.domain.taskfile import Kind, Schedule, Status, Step, TaskFile, graph


async def run_file(world: World, lease: Lease, log: RunLog, scratch: Path) -> Built:
    """Carry out a FileTaskRunRequest or an EncodedTaskRunRequest.

    Raises:
        Failure: the task file is wrong, or a step failed; the message names the step.
    """
    run, request = lease.run, await clear(world, lease.run.request)
    source = await fetch(world, request, log, scratch / "source")
    told = facts(run, await world.registrations.address(run.registry), source)
    twin = twin_facts(run, told["Registry"], source) if run.task else None
    opened = await open_task_file(world, request, source, told, twin)
    file = opened.file
    log.hide(opened.secrets)
    for note in file.notes:
        await log.line(f"Note: {note}")
    _refuse_privileged(file)
    steps = await _steps(world, lease, log, scratch, request, source, opened)
    try:
        async with steps:
            await follow(file, steps.carry_out, steps.conclude)
    except Failure as failure:
        raise Failure(hidden(str(failure), opened.secrets)) from None
    return Built(tuple(steps.outputs), tuple(dict.fromkeys(steps.bases)), source.commit, None, opened.own_tags)


def _refuse_privileged(file: TaskFile) -> None:
    """Said before the first step runs, rather than after an hour's build."""
    for step in file.steps:
        if step.kind is Kind.CMD and step.privileged:
            raise Failure(f"task file: line {step.line}: step '{step.id}': privileged containers are not allowed")


async def follow(
    file: TaskFile,
    carry_out: Callable[[Step], Awaitable[None]],
    conclude: Callable[[Mapping[str, Status]], Awaitable[None]],
) -> None:
    """Start every step as soon as it may start; when one fails, end those that run. `conclude` is told how all ended.

    Raises:
        Failure: of the first step that failed.
    """
    by_id = {step.id: step for step in file.steps}
    schedule = Schedule(graph(file))
    running: dict[asyncio.Task[None], str] = {}
    errors: dict[str, Failure | None] = {}
    try:
        while not schedule.over:
            for name in schedule.ready:
                schedule = schedule.started(name)
                running[asyncio.ensure_future(_as_task(carry_out, by_id[name]))] = name
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                name = running.pop(task)
                errors[name] = _failure(task)
                schedule = schedule.ended(name, success=errors[name] is None)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    await conclude(schedule.all())
    if schedule.failed is not None:
        raise Failure(f"failed to run step ID: {schedule.failed}: {errors[schedule.failed]}")


async def _as_task(carry_out: Callable[[Step], Awaitable[None]], step: Step) -> None:
    await carry_out(step)


def _failure(task: "asyncio.Task[None]") -> Failure | None:
    error = task.exception()
    if error is not None and not isinstance(error, Failure):
        raise error
    return error


async def _steps(
    world: World,
    lease: Lease,
    log: RunLog,
    scratch: Path,
    request: Mapping[str, Any],
    source: Source,
    opened: Opened,
) -> Steps:
    site = Site(
        request=request,
        source=source,
        scratch=scratch,
        server=await world.registrations.address(lease.run.registry),
        credentials=await credentials.for_request(world, request),
        secrets=opened.secrets,
    )
    return Steps(world, lease, log, site, opened.file)
