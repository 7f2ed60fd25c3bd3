"""Decide a build before the engine starts: read the Dockerfile, and pin every base to the digest it has now."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from baselift.app import base_rows, credentials
from baselift.app.ports import Resolved
from baselift.app.world import World
from baselift.domain import dockerfile, tasks
from baselift.domain.builds import BuildOrder, Credential, Failure, Source
from baselift.domain.images import Reference
from baselift.domain.limits import of_agent
from baselift.domain.runs import BaseUse, ImageDescriptor

Own = Callable[[Reference], Awaitable[Reference | None]]
"""For an image that this run built itself: its reference by digest, once it is in its repository."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be built."""

    order: BuildOrder
    bases: Sequence[BaseUse]
    base: Reference | None
    """The final stage's base at its platform manifest; None for scratch."""
    credentials: Mapping[str, Credential] = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Digest over everything that the build depends on: equal fingerprints build equal images.

        Of a secret of the build only its id counts: its value may be another each time, and must be in no row.
        """
        order = self.order
        what = {
            "commit": order.source.commit,
            "epoch": order.source.epoch,
            "dockerfile": order.dockerfile,
            "target": order.target,
            "platform": order.platform,
            "arguments": sorted((arg.name, arg.value) for arg in order.arguments),
            "labels": dict(sorted(order.labels.items())),
            "secrets": sorted(secret.id for secret in order.secrets),
            "bases": dict(sorted(order.bases.items())),
        }
        return "sha256:" + hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


async def none_of_ours(_: Reference) -> None:
    """For a run that builds one image: no base can be its own."""
    return


async def plan_build(world: World, request: Mapping[str, Any], source: Source, own: Own = none_of_ours) -> Plan:
    """The plan of a DockerBuildRequest whose secrets are in clear.

    Raises:
        Failure: the Dockerfile cannot be read, or a base does not exist.
    """
    file = request.get("dockerFilePath") or "Dockerfile"
    platform = tasks.platform(request)
    found = await asyncio.to_thread(scan, source, file, request)
    known = await credentials.for_request(world, request)
    hosts = await world.registrations.hosts()
    uses: list[BaseUse] = []
    resolved: dict[Reference, Resolved] = {}
    for edge in found.edges:
        built = await own(await world.registrations.home(edge.image))
        if built is None:
            use, resolved[edge.image] = await pin(world, edge, platform, known)
            uses.append(use)
        else:
            resolved[edge.image] = await _resolved(world, built, edge.line, platform, known)
    pins = {spelling: str(_pinned(image, resolved, hosts)) for spelling, image in found.spellings.items()}
    runtime = found.runtime.image if found.runtime else None
    base = _pinned(runtime, resolved, hosts) if runtime else None
    order = BuildOrder(
        source=source,
        dockerfile=file,
        bases=pins,
        base_name=str(await world.registrations.home(runtime)) if runtime else None,
        base_digest=base.digest if base else None,
        base_layers=resolved[runtime].reusable if runtime else (),
        platform=platform,
        target=request.get("target"),
        arguments=tasks.arguments(request),
        limits=of_agent(request),
        no_cache=bool(request.get("noCache")),
        credentials=known,
    )
    return Plan(order, tuple(dict.fromkeys(uses)), base, known)


def scan(source: Source, file: str, request: Mapping[str, Any]) -> dockerfile.Scan:
    """The bases that a Dockerfile in the source names. Raises Failure: missing, outside the source, or unreadable."""
    path = (source.root / file).resolve()
    if not path.is_relative_to((source.around or source.root).resolve()):
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
    resolved = await _resolved(world, image, edge.line, platform, known)
    descriptor = ImageDescriptor(image.registry, image.repository, image.tag, resolved.digest)
    generation = stored.base.generation if stored else 0
    use = BaseUse(edge.kind, descriptor, generation, image.pinned, platform, resolved.manifest_digest)
    return use, resolved


async def _resolved(
    world: World, image: Reference, line: int, platform: str, known: Mapping[str, Credential]
) -> Resolved:
    resolved = await world.registries.resolve(image, platform, known.get(image.registry))
    if resolved is None:
        raise Failure(f"base image {image} (line {line}) does not exist in its registry")
    return resolved


def _pinned(image: Reference, resolved: Mapping[Reference, Resolved], hosts: Mapping[str, str]) -> Reference:
    real = replace(image, registry=hosts.get(image.registry, image.registry))
    return real.at(resolved[image].manifest_digest)
