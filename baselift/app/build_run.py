"""One attempt at a Dockerfile build: fetch, plan, build, upload by digest, check the lease, put the tags."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from baselift.app import base_rows, credentials
from baselift.app.lease import Lease
from baselift.app.ports import Resolved
from baselift.app.run_log import RunLog
from baselift.app.world import World
from baselift.domain import dockerfile, images, tasks, templates
from baselift.domain.builds import BuildOrder, Credential, Failure, Image, Source
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, ImageDescriptor, Run


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be built, decided before the engine starts."""

    source: Source
    order: BuildOrder
    bases: Sequence[BaseUse]
    base: Reference | None
    """The final stage's base at its platform manifest; None for scratch."""
    names: Sequence[Reference]
    """Where the image goes."""
    credentials: Mapping[str, Credential] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Digest over everything that the build depends on: equal fingerprints build equal images."""
        order = self.order
        what = {
            "commit": self.source.commit,
            "epoch": self.source.epoch,
            "dockerfile": order.dockerfile,
            "target": order.target,
            "platform": order.platform,
            "arguments": sorted((arg.name, arg.value) for arg in order.arguments),
            "bases": dict(sorted(order.bases.items())),
        }
        return "sha256:" + hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Built:
    """What the run's row says when it succeeded."""

    outputs: Sequence[ImageDescriptor]
    bases: Sequence[BaseUse]
    commit: str | None
    fingerprint: str


async def build_run(world: World, lease: Lease, log: RunLog, scratch: Path) -> Built:
    """Carry out the run's request.

    Raises:
        Failure: with the reason why it cannot succeed.
    """
    run = lease.run
    request = world.unseal(run.request)
    source = await _fetch(world, request, log, scratch / "source")
    plan = await make_plan(world, run, request, source)
    for base in plan.bases:
        await log.line(f"Base image {base.image.reference} is at {base.image.digest}")
    image = await world.engine().build(plan.order, _directory(scratch / "build"), log.write)
    outputs = await _push(world, lease, log, plan, image)
    return Built(outputs, plan.bases, source.commit, plan.fingerprint)


async def make_plan(world: World, run: Run, request: Mapping[str, Any], source: Source) -> Plan:
    """Read the Dockerfile and pin every base to the digest that its tag has now."""
    file = request.get("dockerFilePath") or "Dockerfile"
    platform, arguments = tasks.platform(request), tasks.arguments(request)
    found = await asyncio.to_thread(scan, source, file, request)
    known = await credentials.for_request(world, request)
    hosts = await world.registrations.hosts()
    uses, pins = [], {}
    resolved: dict[Reference, Resolved] = {}
    for edge in found.edges:
        use, resolved[edge.image] = await pin(world, edge, platform, known)
        uses.append(use)
    for spelling, image in found.spellings.items():
        pins[spelling] = str(_pinned(image, resolved, hosts))
    base = _pinned(found.runtime.image, resolved, hosts) if found.runtime else None
    order = BuildOrder(
        source=source,
        dockerfile=file,
        bases=pins,
        base_name=uses[0].image.reference if found.runtime else None,
        base_digest=base.digest if base else None,
        platform=platform,
        target=request.get("target"),
        arguments=arguments,
        no_cache=bool(request.get("noCache")),
        credentials=known,
    )
    return Plan(source, order, tuple(dict.fromkeys(uses)), base, await _names(world, run, request, source), known)


def scan(source: Source, file: str, request: Mapping[str, Any]) -> dockerfile.Scan:
    """The bases that a Dockerfile in the source names. Raises Failure: missing, outside the source, or unreadable."""
    path = (source.root / file).resolve()
    if not path.is_relative_to(source.root.resolve()):
        raise Failure(f"Dockerfile '{file}' is outside the build context")
    if not path.is_file():
        raise Failure(f"Dockerfile '{file}' is not in the build context")
    arguments = {argument.name: argument.value for argument in tasks.arguments(request)}
    platform, target = tasks.platform(request), request.get("target")
    try:
        return dockerfile.scan(path.read_bytes(), arguments=arguments, target=target, platform=platform)
    except dockerfile.DockerfileError as error:
        raise Failure(f"'{file}': {error}") from error


async def pin(
    world: World, edge: dockerfile.Edge, platform: str, known: Mapping[str, Credential]
) -> tuple[BaseUse, Resolved]:
    """The base as it is now. Its generation is read first: a movement after that is seen as one.

    Raises:
        Failure: there is no such image, or its registry does not give it.
    """
    image = await world.registrations.home(edge.image)
    stored = None if image.pinned else await base_rows.get(world, image)
    resolved = await world.registries.resolve(image, platform, known.get(image.registry))
    if resolved is None:
        raise Failure(f"base image {image} (line {edge.line}) does not exist in its registry")
    descriptor = ImageDescriptor(image.registry, image.repository, image.tag, resolved.digest)
    generation = stored.base.generation if stored else 0
    return BaseUse(edge.kind, descriptor, generation, pinned=image.pinned), resolved


async def _fetch(world: World, request: Mapping[str, Any], log: RunLog, into: Path) -> Source:
    await log.line("Fetching source code...")
    source = await world.sources.fetch(request.get("sourceLocation"), request.get("contextAccessToken"), into)
    await log.line(f"Fetched commit {source.commit}" if source.commit else "Fetched the uploaded source")
    return source


async def _push(world: World, lease: Lease, log: RunLog, plan: Plan, image: Image) -> list[ImageDescriptor]:
    digests: dict[str, str] = {}
    for name in plan.names:
        if name.name not in digests:
            digests[name.name] = await _upload(world, log, plan, image, name)
    outputs = []
    for name in plan.names:
        digest = digests[name.name]
        await _put_tag(world, lease, name, digest, plan.credentials.get(name.registry))
        await log.line(f"Pushed {name}: digest {digest}")
        outputs.append(ImageDescriptor(name.registry, name.repository, name.tag, digest))
    return outputs


async def _upload(world: World, log: RunLog, plan: Plan, image: Image, name: Reference) -> str:
    await log.line(f"Pushing image {name}")
    base_credential = plan.credentials.get(plan.base.registry) if plan.base else None
    credential = plan.credentials.get(name.registry)
    return await world.registries.publish(image, replace(name, tag=None), plan.base, credential, base_credential)


async def _put_tag(world: World, lease: Lease, name: Reference, digest: str, credential: Credential | None) -> None:
    remaining = await lease.check()
    # A request that outlives the lease could move the tag back after another attempt moved it on.
    async with asyncio.timeout(remaining.total_seconds() / 2):
        await world.registries.tag(name.at(digest), name.tag or "latest", credential)


def _pinned(image: Reference, resolved: Mapping[Reference, Resolved], hosts: Mapping[str, str]) -> Reference:
    real = replace(image, registry=hosts.get(image.registry, image.registry))
    return real.at(resolved[image].manifest_digest)


async def _names(world: World, run: Run, request: Mapping[str, Any], source: Source) -> list[Reference]:
    if not request.get("isPushEnabled", True):
        return []
    server = await world.registrations.address(run.registry)
    known = {*await world.registrations.hosts(), *tasks.credentials(request)}
    data = {"Run": facts(run, server, source), "Values": {}}
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
        "TriggeredBy": run.cause.kind,
        "OS": "linux",
        "Architecture": tasks.platform(run.request).split("/")[1],
        "TaskName": run.task or "",
    }


def _directory(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True)
    return path
