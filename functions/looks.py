"""Queue: look at a base whose settle window is over."""

import azure.functions as func

from baselift import wiring
from baselift.app import reasons
from baselift.app.hearing import TRACE
from baselift.app.on_push import on_push
from baselift.app.world import LOOKS
from baselift.domain import images

bp = func.Blueprint()


@bp.function_name("look")
@bp.queue_trigger(arg_name="message", queue_name=LOOKS, connection="AzureWebJobsStorage")
async def look(message: func.QueueMessage) -> None:
    """Look at the image that the message names, for whoever told of it first."""
    text, _, trace = message.get_body().decode().partition(TRACE)
    image, _, teller = text.partition(" ")
    world = wiring.world()
    with reasons.told_by(teller), world.telemetry.within(trace):
        await on_push(world, images.parse(image))
