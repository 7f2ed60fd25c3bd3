"""Bring an image into its registry: blobs and manifest by digest first, the tag last and under the lease."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from baselift.app.lease import Lease
from baselift.app.plan_build import Plan
from baselift.app.run_log import RunLog
from baselift.app.world import World
from baselift.domain.builds import Credential, Image
from baselift.domain.images import Reference
from baselift.domain.runs import ImageDescriptor


async def upload(world: World, plan: Plan, image: Image, name: Reference) -> str:
    """Upload the image to the repository of `name`, without a tag; the manifest's digest. May be repeated."""
    base_credential = plan.credentials.get(plan.base.registry) if plan.base else None
    credential = plan.credentials.get(name.registry)
    return await world.registries.publish(image, replace(name, tag=None), plan.base, credential, base_credential)


async def put_tag(
    world: World, lease: Lease, log: RunLog, name: Reference, digest: str, known: Mapping[str, Credential]
) -> ImageDescriptor:
    """Put the tag on the uploaded image, if the run is still ours.

    Raises:
        Lost: another builder holds the run.
    """
    remaining = await lease.check()
    # A request that outlives the lease could move the tag back after another attempt moved it on.
    async with asyncio.timeout(remaining.total_seconds() / 2):
        await world.registries.tag(name.at(digest), name.tag or "latest", known.get(name.registry))
    await log.line(f"Pushed {name}: digest {digest}")
    return ImageDescriptor(name.registry, name.repository, name.tag, digest)
