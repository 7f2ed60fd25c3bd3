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
    except TimeoutError:
        log.error("storage does not answer within %d seconds", SECONDS)  # noqa: TRY400  # there is no more to know
        return _no_storage()
    except Exception as error:
        log.error("storage does not answer: %s", error, exc_info=None if wiring.is_outage(error) else error)  # noqa: TRY400
        return _no_storage()
    if rounds.status == "OK":
        return reply({"status": "Healthy"})
    return _unhealthy("reconcile", f"Reconciler: {rounds.detail}.")


def _no_storage() -> func.HttpResponse:
    return _unhealthy("storage", "Storage does not answer; the app's log says why.")


def _unhealthy(part: str, reason: str) -> func.HttpResponse:
    return reply({"status": "Unhealthy", "part": part, "reason": reason}, 503)
