"""What agents elsewhere are asked for: the source with every base pinned, and a build request for it."""

import asyncio
import gzip
import tarfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselift.app.build_run import facts, fetch, image_names, own_names, rendered
from baselift.app.clear import clear
from baselift.app.plan_build import Plan, plan_build
from baselift.app.run_log import RunLog
from baselift.app.world import World
from baselift.domain.builds import Credential, Failure, Source
from baselift.domain.pinning import pinned
from baselift.domain.runs import BaseUse, Run
from baselift.domain.stages import DockerfileError
from baselift.domain.taskfile import template_data

Upload = Callable[[Path], Awaitable[str]]
PASSED = ("platform", "agentConfiguration", "isPushEnabled", "noCache")


@dataclass(frozen=True, slots=True)
class Order:
    """A run request whose source is uploaded, secrets in clear, and what our own run's row says of it."""

    request: Mapping[str, Any]
    bases: Sequence[BaseUse]
    commit: str | None
    fingerprint: str | None
    own_tags: Sequence[str] = ()


async def order(world: World, run: Run, log: RunLog, scratch: Path, upload: Upload) -> Order:
    """Fetch, plan, pin, upload.

    Raises:
        Failure: the run cannot succeed.
    """
    request = await clear(world, run.request)
    source = await fetch(world, request, log, scratch / "source")
    server = await world.registrations.address(run.registry)
    data = template_data(facts(run, server, source), {})
    ready = rendered(request, data)
    plan = await plan_build(world, ready, source)
    names = await image_names(world, request, server, data)
    for base in plan.bases:
        await log.line(f"Base image {base.image.reference} is at {base.image.digest}")
    await asyncio.to_thread(_pin, plan)
    archive = scratch / "source.tar.gz"
    await asyncio.to_thread(pack, source, archive)
    await log.line("Handing the build to the registry's agents")
    sent = {
        "type": "DockerBuildRequest",
        "sourceLocation": await upload(archive),
        "dockerFilePath": plan.order.dockerfile,
        "imageNames": [str(name) for name in names],
        "arguments": ready["arguments"],
        "timeout": run.timeout,
        **({"target": ready["target"]} if ready["target"] else {}),
        **{name: request[name] for name in PASSED if request.get(name) is not None},
        **logins(plan.credentials, server),
    }
    own = await own_names(world, run, request, source, names)
    return Order(sent, plan.bases, source.commit, plan.fingerprint, own)


def _pin(plan: Plan) -> None:
    order = plan.order
    path = (order.source.root / order.dockerfile).resolve()
    arguments = {each.name: each.value for each in order.arguments}
    try:
        text = pinned(
            path.read_bytes(), arguments=arguments, target=order.target, platform=order.platform, pins=order.bases
        )
    except DockerfileError as error:
        raise Failure(f"'{order.dockerfile}': {error}") from None
    path.write_bytes(text)


def pack(source: Source, archive: Path) -> None:
    """The source as tar.gz: the same source gives the same bytes, owned by nobody in particular."""

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(source.root.iterdir()):
            tar.add(path, path.name, filter=owned)


def logins(known: Mapping[str, Credential], own: str) -> dict[str, Any]:
    """Part of a run request: logins for other registries; at its own one the agents are at home."""
    custom = {
        host: {
            "userName": {"type": "Opaque", "value": login.username},
            "password": {"type": "Opaque", "value": login.password},
        }
        for host, login in sorted(known.items())
        if host != own
    }
    return {"credentials": {"sourceRegistry": {"loginMode": "Default"}, "customRegistries": custom}} if custom else {}
