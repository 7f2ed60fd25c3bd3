"""Queue: execute a run."""

import azure.functions as func

from baselift import wiring
from baselift.app.take_build import take_build
from baselift.app.world import BUILDS

bp = func.Blueprint()


@bp.function_name("build")
@bp.queue_trigger(arg_name="message", queue_name=BUILDS, connection="AzureWebJobsStorage")
async def build(message: func.QueueMessage) -> None:
    """Execute the run that the message names, or one that goes before it."""
    registry, run = message.get_body().decode().split()
    await take_build(wiring.world(), registry, run)
