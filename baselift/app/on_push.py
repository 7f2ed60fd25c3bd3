"""A base image may have moved: whoever hears of a push says so here.

An event is a hint. The digest that the registry gives now decides, so late, doubled and shuffled events are harmless.
"""

import logging

from baselift.app import base_rows, followed
from baselift.app.look import look
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.runs import Run

log = logging.getLogger(__name__)


async def on_push(world: World, image: Reference) -> list[Run]:
    """Look at a tag that was pushed; return the runs that were asked for.

    Raises:
        Failure: the registry could not be asked. The caller's message should come again; the reconciler looks anyway.
    """
    home = await world.registrations.home(image)
    stored = await base_rows.get(world, home)
    if stored is None:
        log.info("%s is not the base of any task", image)
        await followed.not_followed(world, home)
        return []
    return list((await look(world, stored)).runs)
