"""HTTP: is the app alive, does its storage answer, and are repairs made?"""

import asyncio
import logging

import azure.functions as func

from baselift import wiring
from functions.edge import answering, reply

SECONDS = 5

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.function_name("health")
@bp.route(route="health", methods=["GET"])
@answering(None)
async def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    """200 when storage answers and rounds of repairs end when they should, 503 when not."""
    try:
        async with asyncio.timeout(SECONDS):
            rounds = await wiring.diagnosis().rounds()
    except Exception:
        log.exception("storage does not answer")
        return _unhealthy("Storage does not answer; the app's log says why.")
    return reply({"status": "Healthy"}) if rounds.status == "OK" else _unhealthy(f"Reconciler: {rounds.detail}.")


def _unhealthy(reason: str) -> func.HttpResponse:
    return reply({"status": "Unhealthy", "reason": reason}, 503)
