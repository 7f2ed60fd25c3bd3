"""Who tells of a push is answered soon, however many tell at once and however much follows from it.

A few pushes are looked at while their senders wait. A sender who would wait for long, and one who comes while that few
are under way, is answered as soon as a message says what is to be looked at: from then on nothing of it can be lost.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from baselift.app import reasons
from baselift.app.look import Looked
from baselift.app.on_push import look_at
from baselift.app.world import LOOKS, World
from baselift.domain.images import Reference
from baselift.domain.runs import Run

AFTER = 60.0
"""Seconds after which a look that goes on behind its sender's back is made again, in case its process ended."""

EARLY = 0.2
"""Seconds by which a registry may tell of a push before its tag has moved."""
TRACE = " trace="
"""What a place in a trace follows at the end of a message."""


async def hear(world: World, image: Reference, digest: str | None = None) -> Sequence[Run] | None:
    """Look at a tag that was pushed; the runs that were asked for, None where it is, or goes on being, looked at later.

    `digest`: where the sender says that the tag is. A registry that gives another may not have moved the tag yet: the
    CNCF registry tells of a push just before it does. So it is asked once more; the reconciler asks it in any case.

    Raises:
        Failure: the registry could not be asked.
    """
    first = await _look(world, image)
    if first is None:
        return None
    if first.digest is None or digest in (None, first.digest):
        return first.runs
    await asyncio.sleep(EARLY)
    second = await _look(world, image)
    return None if second is None else [*first.runs, *second.runs]


async def _look(world: World, image: Reference) -> Looked | None:
    """What came of a look; None where a message says what is to be looked at."""
    name = str(await world.registrations.home(image))
    begun: asyncio.Task[Looked] | None = world.looks.begin(name, partial(look_at, world, image))
    if begun is not None:
        done, _ = await asyncio.wait({begun}, timeout=world.patience.total_seconds())
        if done:
            return begun.result()
    trace = world.telemetry.trace()
    text = f"{image} {reasons.teller()}" + (f"{TRACE}{trace}" if trace else "")
    if begun is None:
        await world.queues.send(LOOKS, text)
    else:
        await asyncio.shield(world.looks.leave(begun, partial(world.queues.send, LOOKS, text, delay=AFTER)))
    return None
