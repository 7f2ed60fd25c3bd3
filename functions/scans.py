"""Queue: read a task's source for its base images."""

import azure.functions as func

from baselift import wiring
from baselift.app.scan_task import scan_task
from baselift.app.world import SCANS

bp = func.Blueprint()


@bp.function_name("scan")
@bp.queue_trigger(arg_name="message", queue_name=SCANS, connection="AzureWebJobsStorage")
async def scan(message: func.QueueMessage) -> None:
    """Scan the task that the message names."""
    registry, task = message.get_body().decode().split()
    await scan_task(wiring.world(), registry, task)
