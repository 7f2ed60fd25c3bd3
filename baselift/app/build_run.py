"""One attempt at a Dockerfile build: fetch, plan, build, upload by digest, check the lease, put the tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselift.app.clear import clear
from baselift.app.lease import Lease
from baselift.app.plan_build import Plan, plan_build
from baselift.app.ports import Log
from baselift.app.push_image import put_tag, upload
from baselift.app.run_log import RunLog
from baselift.app.world import World
from baselift.domain import images, tasks, templates
from baselift.domain.builds import Failure, Image, Source
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, ImageDescriptor, Run


@dataclass(frozen=True, slots=True)
class Built:
    """What the run's row says when it succeeded."""

    outputs: Sequence[ImageDescriptor]
    bases: Sequence[BaseUse]
    commit: str | None
    fingerprint: str | None


async def build_run(world: World, lease: Lease, log: RunLog, scratch: Path) -> Built:
    """Carry out a DockerBuildRequest.

    Raises:
        Failure: with the reason why it cannot succeed.
    """
    request = await clear(world, lease.run.request)
    source = await fetch(world, request, log, scratch / "source")
    plan = await plan_build(world, request, source)
    names = await _names(world, lease.run, request, source)
    image = await build(world, plan, log, scratch / "build")
    outputs = await _push(world, lease, log, plan, image, names)
    return Built(outputs, plan.bases, source.commit, plan.fingerprint)


async def fetch(world: World, request: Mapping[str, Any], log: RunLog, into: Path) -> Source:
    """The run's source, told in its log."""
    location = request.get("sourceLocation")
    if location:
        await log.line("Fetching source code...")
    source = await world.sources.fetch(location, request.get("contextAccessToken"), into)
    if location:
        await log.line(f"Fetched commit {source.commit}" if source.commit else "Fetched the uploaded source")
    return source


async def build(world: World, plan: Plan, log: RunLog, scratch: Path, write: Log | None = None) -> Image:
    """Carry out a plan, its bases told in the log; the engine's output goes to `write`, if given, else there too."""
    for base in plan.bases:
        await log.line(f"Base image {base.image.reference} is at {base.image.digest}")
    return await world.engine().build(plan.order, directory(scratch), write or log.write)


def directory(path: Path) -> Path:
    """A new directory that only we may enter."""
    path.mkdir(mode=0o700, parents=True)
    return path


async def _push(
    world: World, lease: Lease, log: RunLog, plan: Plan, image: Image, names: Sequence[Reference]
) -> list[ImageDescriptor]:
    digests: dict[str, str] = {}
    for name in names:
        if name.name not in digests:
            await log.line(f"Pushing image {name}")
            digests[name.name] = await upload(world, plan, image, name)
    return [await put_tag(world, lease, log, name, digests[name.name], plan.credentials) for name in names]


async def _names(world: World, run: Run, request: Mapping[str, Any], source: Source) -> list[Reference]:
    if not request.get("isPushEnabled", True):
        return []
    server = await world.registrations.address(run.registry)
    known = {*await world.registrations.hosts(), *tasks.registries(request)}
    told = facts(run, server, source)
    data = {"Run": told, "Build": told, "Values": {}, "Secrets": {}}
    names = []
    for name in request.get("imageNames") or ():
        try:
            rendered = templates.render(name, data)
            image = images.parse(tasks.qualified(rendered, server, *known)).tagged()
            names.append(await world.registrations.home(image))
        except (templates.TemplateError, images.InvalidReference) as error:
            raise Failure(f"image name '{name}': {error}") from error
    return list(dict.fromkeys(names))


def facts(run: Run, login_server: str, source: Source) -> dict[str, str]:
    """What templates call `.Run`. `Date` has a literal z, as ACR prints it."""
    began = run.started or run.created
    return {
        "ID": run.id,
        "Registry": login_server,
        "RegistryName": run.registry,
        "Date": began.strftime("%Y%m%d-%H%M%Sz"),
        "Commit": source.commit or "",
        "Branch": run.cause.details.get("branchName", ""),
        "Repository": run.cause.details.get("repositoryUrl", ""),
        "GitTag": "",
        "TriggeredBy": run.cause.kind,
        "SharedVolume": "workspace",
        "OS": "linux",
        "OSVersion": "",
        "Architecture": tasks.platform(run.request).split("/")[1],
        "TaskName": run.task or "",
    }
