"""One attempt at a Dockerfile build: fetch, plan, build, upload by digest, check the lease, put the tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baselift.app import credentials
from baselift.app.clear import clear
from baselift.app.homes import at_home
from baselift.app.layers import on_layers
from baselift.app.lease import Lease
from baselift.app.plan_build import Plan, plan_build
from baselift.app.ports import Log
from baselift.app.push_image import put_tag, upload
from baselift.app.run_log import RunLog
from baselift.app.world import World
from baselift.domain import contexts, images, own_tags, tasks, templates
from baselift.domain.builds import Failure, Image, Source
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, ImageDescriptor, Run
from baselift.domain.taskfile import template_data


@dataclass(frozen=True, slots=True)
class Built:
    """What the run's row says when it succeeded."""

    outputs: Sequence[ImageDescriptor]
    bases: Sequence[BaseUse]
    commit: str | None
    fingerprint: str | None
    own_tags: Sequence[str] = ()


async def build_run(world: World, lease: Lease, log: RunLog, scratch: Path) -> Built:
    """Carry out a DockerBuildRequest.

    Raises:
        Failure: with the reason why it cannot succeed.
    """
    request = await clear(world, lease.run.request)
    source = await fetch(world, request, log, scratch / "source")
    server = await world.registrations.address(lease.run.registry)
    data = template_data(facts(lease.run, server, source), {})
    plan = await plan_build(world, rendered(request, data), source)
    plan = on_layers(plan, lease.run, wanted=bool(request.get("layerCache")))
    names = await image_names(world, request, server, data)
    image = await build(world, plan, log, scratch / "build")
    outputs = await _push(world, lease, log, plan, image, names)
    own = await own_names(world, lease.run, request, source, names)
    return Built(outputs, plan.bases, source.commit, plan.fingerprint, own)


async def fetch(world: World, request: Mapping[str, Any], log: RunLog, into: Path) -> Source:
    """The run's source, told in its log."""
    location = request.get("sourceLocation")
    if location:
        await log.line("Fetching source code...")
    known = await credentials.for_request(world, request)
    source = await world.sources.fetch(await at_home(world, location), request.get("contextAccessToken"), into, known)
    if location:
        await log.line(f"Fetched commit {source.commit}" if source.commit else "Fetched the source")
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


def rendered(request: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The request with the templates in its build arguments and target carried out, as ACR renders the command line."""
    arguments = []
    for argument in tasks.arguments(request):
        try:
            value = templates.render(argument.value, data)
        except templates.TemplateError as error:
            # What is wrong may quote the value.
            why = "its value, a secret, is no template" if argument.secret else str(error)
            raise Failure(f"build argument '{argument.name}': {why}") from None
        arguments.append({"name": argument.name, "value": value, "isSecret": argument.secret})
    try:
        target = templates.render(request.get("target") or "", data)
    except templates.TemplateError as error:
        raise Failure(f"target: {error}") from error
    return {**request, "arguments": arguments, "target": target or None}


async def image_names(
    world: World, request: Mapping[str, Any], server: str, data: Mapping[str, Any]
) -> list[Reference]:
    """What the run's image names come to; none when nothing is pushed."""
    if not request.get("isPushEnabled", True):
        return []
    known = {*await world.registrations.hosts(), *tasks.registries(request)}
    names = []
    for name in request.get("imageNames") or ():
        try:
            rendered = templates.render(name, data)
            image = images.parse(tasks.qualified(rendered, server, *known)).tagged()
            names.append(await world.registrations.home(image))
        except (templates.TemplateError, images.InvalidReference) as error:
            raise Failure(f"image name '{name}': {error}") from error
    return list(dict.fromkeys(names))


async def own_names(
    world: World, run: Run, request: Mapping[str, Any], source: Source, names: Sequence[Reference]
) -> tuple[str, ...]:
    """Those of the run's image names that have its id in their tag. Runs of no task have none: nobody asks for them."""
    if run.task is None or not any(own_tags.has_id(name, run.id) for name in names):
        return ()
    server = await world.registrations.address(run.registry)
    try:
        twins = await image_names(world, request, server, template_data(twin_facts(run, server, source), {}))
    except Failure:
        return ()
    return own_tags.of_run(run.id, names, twins)


def twin_facts(run: Run, login_server: str, source: Source) -> dict[str, str]:
    """What `facts` would be for a run with another id."""
    return facts(replace(run, id=own_tags.twin(run.id)), login_server, source)


def facts(run: Run, login_server: str, source: Source) -> dict[str, str]:
    """What templates call `.Run`. `Date` has a literal z, as ACR prints it."""
    began = run.started or run.created
    repository, branch = _origin(run.request.get("sourceLocation"))
    return {
        "ID": run.id,
        "Registry": login_server,
        "RegistryName": run.registry,
        "Date": began.strftime("%Y%m%d-%H%M%Sz"),
        "Commit": source.commit or "",
        "Branch": run.cause.details.get("branchName") or branch,
        "Repository": run.cause.details.get("repositoryUrl") or repository,
        "GitTag": "",
        "TriggeredBy": run.cause.kind,
        "SharedVolume": "workspace",
        "OS": "linux",
        "OSVersion": "",
        "Architecture": tasks.platform(run.request).split("/")[1],
        "TaskName": run.task or "",
    }


def _origin(location: str | None) -> tuple[str, str]:
    """Repository and branch of a git context, as far as its text says them; empty where it does not."""
    try:
        context = contexts.parse(location)
    except contexts.InvalidContext:
        return "", ""
    ref = context.ref or ""
    branch = "" if contexts.is_commit(ref) or ref.startswith(("pull/", "refs/")) else ref
    return (context.location, branch) if context.form is contexts.Form.GIT else ("", "")
