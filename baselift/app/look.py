"""Look at a watched base: ask the registry where its tag is now, and record a movement."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from baselift.app import base_rows, budgets, credentials, reasons, sightings
from baselift.app.base_rows import StoredBase
from baselift.app.fan_out import fan_out, move
from baselift.app.ports import Found, RegistryFailure, Stale
from baselift.app.world import LOOKS, World
from baselift.domain.builds import Credential, Failure
from baselift.domain.images import Reference
from baselift.domain.runs import Run
from baselift.domain.settling import Settling, joined

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a look."""

    runs: Sequence[Run] = ()
    """Those that it asked for."""
    pause: float = 0.0
    """Seconds in which the registry should be asked nothing that can wait."""
    digest: str | None = None
    """What the registry gave, empty where it has no such tag; None where nobody looked, since nothing follows it."""


async def look(world: World, stored: StoredBase) -> Looked:
    """Compare a watched base with the registry, and carry out what follows.

    A plain image that moved is decided about at once. An index is given the settle window: what it is at when the
    window ends is decided about. The base's row remembers the window, a delayed message ends it, and the reconciler
    does when that message is lost.

    Raises:
        Failure: the registry could not be asked.
    """
    found, credential = await _find(world, stored)
    # What was seen is kept beside: runs do not wait for that.
    runs, _ = await asyncio.gather(_act(world, stored, found, credential), sightings.saw(world, stored, found))
    return Looked(runs, found.pause, found.digest) if found else Looked(runs, digest="")


async def _find(world: World, stored: StoredBase) -> tuple[Found | None, Credential | None]:
    image = stored.base.image
    try:
        found, credential = await _ask(world, stored)
    except Failure as failure:
        await sightings.saw_nothing(world, stored, failure)
        await budgets.failed(world, image.registry, failure)
        raise
    if found and found.pause:
        await budgets.spent(world, image.registry, found.pause)
    return found, credential


async def _ask(world: World, stored: StoredBase) -> tuple[Found | None, Credential | None]:
    """Without a login first where none is known; refused, or told of no such tag, with one that some task has."""
    image, refusal, found = stored.base.image, None, None
    credential = await credentials.known(world, image, stored.opener)
    try:
        found = await world.registries.find(image, credential)
    except Failure as failure:
        if credential is not None or (isinstance(failure, RegistryFailure) and failure.transient):
            raise
        refusal = failure
    if found is None and credential is None:
        credential = await credentials.for_watching(world, image)
        if credential is not None:
            return await world.registries.find(image, credential), credential
    if refusal is not None:
        raise refusal
    return found, credential


async def _act(world: World, stored: StoredBase, found: Found | None, credential: Credential | None) -> Sequence[Run]:
    """Record what was found, and carry out what follows; the runs that were asked for."""
    current: StoredBase | None = stored
    while current is not None:
        try:
            moved = await _moved(world, current, found, credential)
            if moved is not None:
                return await move(world, moved)
            current = await _unmoved(world, current, found)
        except Stale:
            current = await base_rows.get(world, stored.base.image)
            continue
        return await fan_out(world, current) if current.fanning else ()
    return ()


async def _moved(
    world: World, current: StoredBase, found: Found | None, credential: Credential | None
) -> StoredBase | None:
    """The base after its movement; None where it did not move, or its settle window is not over."""
    now = world.now()
    if found is None or (found.digest == current.base.digest and not current.overtaken):
        return None
    if found.index and world.settle and not joined(current.settling, found.digest, now, world.settle).over(now):
        return None
    manifests = await _manifests(world, current.base.image, found, credential)
    moved = base_rows.moved(current, found.digest, now, manifests)
    return replace(moved, trace=_trace(world, current))


async def _unmoved(world: World, current: StoredBase, found: Found | None) -> StoredBase:
    """The base after what was found is recorded, which is no movement. Raises Stale."""
    if found is None:
        return current
    if found.digest == current.base.digest and not current.overtaken:
        log.info("%s has not moved", current.base.image)
        return await base_rows.save(world, replace(current, settling=None)) if current.settling else current
    return await _wait(world, current, joined(current.settling, found.digest, world.now(), world.settle))


async def _wait(world: World, current: StoredBase, settling: Settling) -> StoredBase:
    if settling == current.settling:
        return current
    image = current.base.image
    waiting = await base_rows.save(world, replace(current, settling=settling, trace=_trace(world, current)))
    left = (settling.until - world.now()).total_seconds()
    # A second more, so that it does not come before its time by another machine's clock.
    await world.queues.send(LOOKS, f"{image} {reasons.teller()}", delay=max(0, left) + 1)
    text = f"{image} is at {settling.digest}, an index: decided at {settling.until.isoformat()} for all of its pushes"
    await reasons.noticed(world, waiting, "settling", text)
    return waiting


def _trace(world: World, current: StoredBase) -> str:
    """Of the pushes of one movement the first is its cause."""
    told = {"baselift.image": str(current.base.image), "baselift.teller": reasons.teller()}
    return current.trace if current.settling else world.telemetry.origin("movement", **told)


async def _manifests(world: World, image: Reference, found: Found, credential: Credential | None) -> Mapping[str, str]:
    """As in `Base`; empty where the index is gone again."""
    if not found.index:
        return {"": found.digest}
    return await world.registries.platforms(image.at(found.digest), credential) or {}
