"""A base image may have moved: whoever hears of a push says so here.

An event is a hint. The digest that the registry gives now decides, so late, doubled and shuffled events are harmless.
"""

import logging

from baselift.app import base_rows, followed, reasons
from baselift.app.look import Looked, look
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.runs import Run

log = logging.getLogger(__name__)


async def on_push(world: World, image: Reference) -> list[Run]:
    """Look at a tag that was pushed; return the runs that were asked for. Raises Failure, as `look_at` does."""
    return list((await look_at(world, image)).runs)


async def look_at(world: World, image: Reference) -> Looked:
    """Look at a tag that was pushed, if anything follows it.

    Raises:
        Failure: the registry could not be asked. The caller's message should come again; the reconciler looks anyway.
    """
    home = await world.registrations.home(image)
    stored = await base_rows.get(world, home)
    if stored is None:
        log.info("%s is not the base of any task", image)
        await followed.not_followed(world, home)
        return Looked()
    heard = stored.settling.since if stored.settling else world.now()
    within = stored.trace if stored.settling else ""
    with world.telemetry.span("push", within, **{"baselift.image": str(home), "baselift.teller": reasons.teller()}):
        looked = await look(world, stored)
    for _ in looked.runs:
        world.telemetry.record("baselift.push.queued", (world.now() - heard).total_seconds())
    return looked
