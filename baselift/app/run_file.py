"""One attempt at a task file: its steps, each when the steps it waits for are done; the first failure ends the run."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from baselift.app import credentials
from baselift.app.build_run import Built, facts, fetch
from baselift.app.clear import clear
from baselift.app.lease import Lease
from baselift.app.open_task_file import Opened, open_task_file
from baselift.app.run_log import RunLog
from baselift.app.steps import Site, Steps
from baselift.app.world import World
from baselift.domain.builds import Failure, Source
from baselift.domain.taskfile import Schedule, Step, TaskFile, graph


async def run_file(world: World, lease: Lease, log: RunLog, scratch: Path) -> Built:
    """Carry out a FileTaskRunRequest or an EncodedTaskRunRequest.

    Raises:
        Failure: the task file is wrong, or a step failed; the message names the step.
    """
    run, request = lease.run, await clear(world, lease.run.request)
    source = await fetch(world, request, log, scratch / "source")
    told = facts(run, await world.registrations.address(run.registry), source)
    opened = await open_task_file(world, request, source, told)
    file = opened.file
    for note in file.notes:
        await log.line(f"Note: {note}")
    steps = await _steps(world, lease, log, scratch, request, source, opened)
    async with steps:
        await follow(file, steps.carry_out)
    return Built(tuple(steps.outputs), tuple(dict.fromkeys(steps.bases)), source.commit, None)


async def follow(file: TaskFile, carry_out: Callable[[Step], Awaitable[None]]) -> None:
    """Start every step as soon as it may start; when one fails, end those that run.

    Raises:
        Failure: of the first step that failed.
    """
    by_id = {step.id: step for step in file.steps}
    schedule = Schedule(graph(file))
    running: dict[asyncio.Task[None], str] = {}
    try:
        while not schedule.over:
            for name in schedule.ready:
                schedule = schedule.started(name)
                running[asyncio.ensure_future(_as_task(carry_out, by_id[name]))] = name
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                schedule = _ended(schedule, running.pop(task), task.exception())
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _as_task(carry_out: Callable[[Step], Awaitable[None]], step: Step) -> None:
    await carry_out(step)


def _ended(schedule: Schedule, name: str, error: BaseException | None) -> Schedule:
    if error is not None and not isinstance(error, Failure):
        raise error
    ended = schedule.ended(name, success=error is None)
    if ended.failed is not None:
        raise Failure(f"failed to run step ID: {name}: {error}") from error
    return ended


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
