"""A task file for agents elsewhere: rendered here, and every base that its builds stand on pinned in the source."""

import asyncio
import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baselift.app import credentials
from baselift.app.build_run import facts, fetch, twin_facts
from baselift.app.clear import clear
from baselift.app.open_task_file import open_task_file
from baselift.app.plan_build import pin, scan
from baselift.app.remote_order import PASSED, Order, Upload, logins, pack
from baselift.app.run_log import RunLog
from baselift.app.step_build import Fetching, build_file, build_request, build_source
from baselift.app.world import World
from baselift.domain import images, taskfile, tasks
from baselift.domain.builds import Credential, Failure, Source
from baselift.domain.contexts import is_remote
from baselift.domain.images import Reference
from baselift.domain.pinning import pinned
from baselift.domain.runs import BaseUse, Run
from baselift.domain.stages import DockerfileError
from baselift.domain.taskfile import BuildCommand, Step, TaskFile

_ELSEWHERE = "let a builder with the engine 'buildah' carry it out (docs/azure.md)"


@dataclass(frozen=True, slots=True)
class _Pinned:
    """The Dockerfile of one build, its bases written as digests."""

    path: Path
    text: bytes
    bases: Sequence[BaseUse]


@dataclass(frozen=True, slots=True)
class _Site:
    """What all builds of a task file have in common."""

    request: Mapping[str, Any]
    source: Source
    known: Mapping[str, Credential]
    hosts: Mapping[str, str]
    own: Collection[Reference]
    """Images that builds of the file make: the agents have them, and nothing has to be pinned."""


async def file_order(world: World, run: Run, log: RunLog, scratch: Path, upload: Upload) -> Order:
    """Fetch, render, pin, upload.

    Raises:
        Failure: the run cannot succeed, or not on agents: it has secrets, which a request would show, or a build
            whose Dockerfile is not in the source.
    """
    request = await clear(world, run.request)
    source = await fetch(world, request, log, scratch / "source")
    server = await world.registrations.address(run.registry)
    twin = twin_facts(run, server, source) if run.task else None
    opened = await open_task_file(world, request, source, facts(run, server, source), twin)
    if opened.secrets or opened.file.secrets:
        raise Failure(f"task file: its secrets would be readable in what the agents are asked; {_ELSEWHERE}")
    for note in opened.file.notes:
        await log.line(f"Note: {note}")
    made = await _all_pinned(world, opened.file, request, source)
    for base in (bases := tuple(dict.fromkeys(base for each in made for base in each.bases))):
        await log.line(f"Base image {base.image.reference} is at {base.image.digest}")
    for each in made:
        each.path.write_bytes(each.text)
    sent = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": base64.b64encode(taskfile.written(opened.file).encode()).decode(),
        "timeout": run.timeout,
        **{name: request[name] for name in PASSED if request.get(name) is not None},
        **logins(await credentials.for_request(world, request), server),
    }
    if request.get("sourceLocation"):
        archive = scratch / "source.tar.gz"
        await asyncio.to_thread(pack, source, archive)
        sent["sourceLocation"] = await upload(archive)
    await log.line("Handing the steps to the registry's agents")
    return Order(sent, bases, source.commit, None, opened.own_tags)


async def _all_pinned(world: World, file: TaskFile, request: Mapping[str, Any], source: Source) -> Sequence[_Pinned]:
    """Every Dockerfile of the file's builds; all are read before any is written."""
    builds = [(step, step.build) for step in file.steps if step.build is not None]
    site = _Site(
        request=request,
        source=source,
        known=await credentials.for_request(world, request),
        hosts=await world.registrations.hosts(),
        own={await _reference(world, tag) for _, command in builds for tag in command.tags},
    )
    made: dict[Path, _Pinned] = {}
    found: list[_Pinned] = []
    for step, command in builds:
        try:
            each = await _pinned(world, site, step, command)
        except Failure as failure:
            raise Failure(f"step '{step.id}': {failure}") from None
        if made.setdefault(each.path, each).text != each.text:
            raise Failure(f"step '{step.id}': two builds of one Dockerfile stand on different bases; {_ELSEWHERE}")
        found.append(each)
    return found


async def _pinned(world: World, site: _Site, step: Step, command: BuildCommand) -> _Pinned:
    if is_remote(command.context):
        raise Failure(f"its context '{command.context}' is not in the run's source; {_ELSEWHERE}")
    unused = Fetching(site.request, site.known, site.source.root)
    source = await build_source(world, step, command.context, site.source, unused)
    name = build_file(step, command, source, site.source)
    request = build_request(command, name, site.request, ())
    found = await asyncio.to_thread(scan, source, name, request)
    platform, pins, bases = tasks.platform(request), dict[Reference, str](), list[BaseUse]()
    for edge in found.edges:
        if await world.registrations.home(edge.image) in site.own:
            continue
        use, resolved = await pin(world, edge, platform, site.known)
        real = replace(edge.image, registry=site.hosts.get(edge.image.registry, edge.image.registry))
        pins[edge.image] = str(real.at(resolved.manifest_digest))
        bases.append(use)
    path = (source.root / name).resolve()
    try:
        text = pinned(
            path.read_bytes(),
            arguments={each.name: each.value for each in tasks.arguments(request)},
            target=command.target,
            platform=platform,
            pins={spelling: pins[image] for spelling, image in found.spellings.items() if image in pins},
        )
    except DockerfileError as error:
        raise Failure(f"'{name}': {error}") from None
    return _Pinned(path, text, bases)


async def _reference(world: World, tag: str) -> Reference:
    try:
        return await world.registrations.home(images.parse(tag).tagged())
    except images.InvalidReference as error:
        raise Failure(str(error)) from error
