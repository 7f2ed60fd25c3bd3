"""HTTP: is the app alive, and does its storage answer?"""

import asyncio
import logging

import azure.functions as func

from baselift import wiring
from functions.edge import answering, failed, reply

SECONDS = 5

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.function_name("health")
@bp.route(route="health", methods=["GET"])
@answering(None)
async def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    """200 when storage answers, 503 when it does not."""
    try:
        async with asyncio.timeout(SECONDS):
            await wiring.world().tables.get("seqs", "health", "health")
    except Exception:
        log.exception("storage does not answer")
        return failed(503, "ServiceUnavailable", "Storage does not answer; the app's log says why.")
    return reply({"status": "Healthy"})
