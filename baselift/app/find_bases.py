"""Find the bases of a task in its source, without building anything."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from baselift.app import credentials
from baselift.app.build_run import facts
from baselift.app.open_task_file import open_task_file
from baselift.app.plan_build import pin, scan
from baselift.app.step_build import Fetching, build_file, build_request, build_source
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import images, tasks
from baselift.domain.builds import Source
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, Cause, Run

Build = tuple[Mapping[str, Any], Source]
"""A DockerBuildRequest and its source."""


async def find_bases(
    world: World, task: StoredTask, request: Mapping[str, Any], source: Source, scratch: Path
) -> list[BaseUse]:
    """The bases of the builds that a run of the task would make, as they are now.

    `request` is unsealed; what else has to be fetched goes under `scratch`.

    Raises:
        Failure: the task file or a Dockerfile cannot be read, or a base does not exist.
    """
    found: dict[tuple[Reference, str], BaseUse] = {}
    made: set[Reference] = set()
    async for build, where in _builds(world, task, request, source, scratch, made):
        scanned = await asyncio.to_thread(scan, where, build.get("dockerFilePath") or "Dockerfile", build)
        known, platform = await credentials.for_request(world, build), tasks.platform(build)
        for edge in scanned.edges:
            image = await world.registrations.home(edge.image)
            if image not in made and ((image, platform) not in found or edge.kind == "Runtime"):
                found[image, platform] = (await pin(world, edge, platform, known))[0]
    return list(found.values())


async def _builds(
    world: World, task: StoredTask, request: Mapping[str, Any], source: Source, scratch: Path, made: set[Reference]
) -> AsyncIterator[Build]:
    """The builds in file order; what they name, and later ones may build on, is added to `made` as they pass."""
    if request["type"] == "DockerBuildRequest":
        yield request, source
        return
    told = facts(_imagined(world, task, request), await world.registrations.address(task.registry), source)
    opened = await open_task_file(world, request, source, told)
    known = await credentials.for_request(world, request)
    for step in opened.file.steps:
        if (command := step.build) is not None:
            remote = Fetching(request, known, scratch / f"context-{step.id}")
            where = await build_source(world, step, command.context, source, remote)
            dockerfile = build_file(step, command, where, source)
            yield build_request(command, dockerfile, request, opened.secrets), where
            made |= {await world.registrations.home(images.parse(tag).tagged()) for tag in command.tags}


def _imagined(world: World, task: StoredTask, request: Mapping[str, Any]) -> Run:
    """A run that is not going to be: templates see an empty id."""
    return Run(task.registry, 0, "", Cause("scan", ""), request, world.now(), "AutoRun", task=task.name)
