"""HTTP: of how many runs of a task the tags are kept that have the run's id in their name."""

from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.owntags.keep import keep_tags, tag_keeping
from baselift.arm import errors, plain
from baselift.domain.own_tags import MOST
from functions.edge import REGISTRY, answering, body, reply, scope

RETENTION = f"{REGISTRY}/tasks/{{task}}/retention"

bp = func.Blueprint()


@bp.function_name("task_retention")
@bp.route(route=RETENTION, methods=["GET"])
@answering(Role.READER)
async def task_retention(req: func.HttpRequest) -> func.HttpResponse:
    """How many are kept, and which are still there although they are to go."""
    registry = (await scope(req)).registry
    return reply(plain.document(await tag_keeping(wiring.world(), registry, req.route_params["task"])))


@bp.function_name("task_retention_put")
@bp.route(route=RETENTION, methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def task_retention_put(req: func.HttpRequest) -> func.HttpResponse:
    """Say how many are kept: ``{"keep": 1 to 10000}``, or null for all."""
    registry, keep = (await scope(req)).registry, _keep(body(req))
    return reply(plain.document(await keep_tags(wiring.world(), registry, req.route_params["task"], keep)))


def _keep(given: Any) -> int:
    if not isinstance(given, dict) or "keep" not in given:
        raise errors.invalid(f'keep is missing: the body must be {{"keep": N}}, N from 1 to {MOST} or null.', "keep")
    keep = given["keep"]
    if keep is None:
        return 0
    if not isinstance(keep, int) or isinstance(keep, bool) or not 1 <= keep <= MOST:
        raise errors.invalid(
            f"keep is {keep!r}: it must be a whole number from 1 to {MOST}, or null to keep all.", "keep"
        )
    return keep
