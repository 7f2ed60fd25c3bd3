"""Queue: execute a run."""

import azure.functions as func

from baselift import wiring
from baselift.app.execute_run import execute_run
from baselift.app.world import BUILDS

bp = func.Blueprint()


@bp.function_name("build")
@bp.queue_trigger(arg_name="message", queue_name=BUILDS, connection="AzureWebJobsStorage")
async def build(message: func.QueueMessage) -> None:
    """Execute the run that the message names."""
    registry, run = message.get_body().decode().split()
    await execute_run(wiring.world(), registry, run)
