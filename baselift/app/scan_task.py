"""Act on a task that was changed: arrange its timers, and read its source for its bases.

From then on it is watched, before it ever ran.
"""

import logging

from baselift.app import credentials, edges, reasons, source_rows, task_rows, timers
from baselift.app.clear import clear
from baselift.app.find_bases import find_bases
from baselift.app.homes import at_home
from baselift.app.scratch import scratch
from baselift.app.task_rows import StoredTask
from baselift.app.world import SCANS, World
from baselift.domain import requests, tasks
from baselift.domain.builds import Failure
from baselift.domain.runs import BaseUse

log = logging.getLogger(__name__)


async def ask_for_scan(world: World, registry: str, name: str) -> None:
    """Have the task's source read in the background."""
    await world.queues.send(SCANS, f"{registry} {name}")


async def scan_task(world: World, registry: str, name: str) -> None:
    """Answer a message of the scan queue: record the task's edges, or why they are not known."""
    task = await task_rows.get(world, registry, name)
    await timers.arrange(world, registry, name, task)
    await source_rows.arrange(world, registry, name, task)
    if task is not None and tasks.step(task.document):
        with reasons.told_by(reasons.SCAN):
            await _scan(world, task)
    await task_rows.scanned(world, registry, name)


async def _scan(world: World, task: StoredTask) -> None:
    try:
        await edges.record(world, task, await _bases(world, task), built=False)
    except Failure as failure:
        log.warning("task %s: its bases are not known: %s", task.name, failure)
        await edges.unknown(world, task, str(failure))
        for base in task.edges.bases:
            await edges.reconsider(world, task, edges.reference(base.image))


async def _bases(world: World, task: StoredTask) -> list[BaseUse]:
    request = await clear(world, requests.of_task(task.document))
    async with scratch(world.scratch) as directory:
        known = await credentials.for_request(world, request)
        token = request.get("contextAccessToken")
        location = await at_home(world, request.get("sourceLocation"))
        source = await world.sources.fetch(location, token, directory / "source", known)
        return await find_bases(world, task, request, source, directory)
