"""HTTP: agent pools of the ACR Tasks REST API. A pool is a limit on how many runs go on at once."""

from collections.abc import Mapping
from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.change_pool import change_pool, count_waiting, delete_pool, get_pool
from baselift.app.pool_rows import every
from baselift.arm import agent_pools, errors
from functions.edge import REGISTRY, answering, body, reply, scope

POOLS = f"{REGISTRY}/agentPools"
POOL = f"{POOLS}/{{agentPool}}"

bp = func.Blueprint()


@bp.function_name("pools_list")
@bp.route(route=POOLS, methods=["GET"])
@answering(Role.READER)
async def pools_list(req: func.HttpRequest) -> func.HttpResponse:
    """All agent pools."""
    where = await scope(req)
    return reply({"value": [dict(pool.document) async for pool in every(wiring.world(), where.registry)]})


@bp.function_name("pool_get")
@bp.route(route=POOL, methods=["GET"])
@answering(Role.READER)
async def pool_get(req: func.HttpRequest) -> func.HttpResponse:
    """One agent pool, for a minute after it was deleted too: the Azure CLI looks once more."""
    found = await get_pool(wiring.world(), (await scope(req)).registry, req.route_params["agentPool"])
    return reply(dict(found.document))


@bp.function_name("pool_put")
@bp.route(route=POOL, methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def pool_put(req: func.HttpRequest) -> func.HttpResponse:
    """Create or replace an agent pool; it is ready at once."""
    where, name, given = await scope(req), req.route_params["agentPool"], body(req)

    def change(_: Mapping[str, Any] | None) -> dict[str, Any]:
        return agent_pools.create(given, scope=where, name=name)

    return reply(dict((await change_pool(wiring.world(), where.registry, name, change)).document))


@bp.function_name("pool_patch")
@bp.route(route=POOL, methods=["PATCH"])
@answering(Role.CONTRIBUTOR)
async def pool_patch(req: func.HttpRequest) -> func.HttpResponse:
    """Change an agent pool's count or tags."""
    where, name, given = await scope(req), req.route_params["agentPool"], body(req)

    def change(existing: Mapping[str, Any] | None) -> dict[str, Any]:
        if existing is None:
            raise errors.not_found("agent pool", name, within=f"registry '{where.registry}'")
        return agent_pools.merge(existing, given)

    return reply(dict((await change_pool(wiring.world(), where.registry, name, change)).document))


@bp.function_name("pool_delete")
@bp.route(route=POOL, methods=["DELETE"])
@answering(Role.CONTRIBUTOR)
async def pool_delete(req: func.HttpRequest) -> func.HttpResponse:
    """Delete an agent pool; runs that wait for it fail, runs that started go on."""
    deleted = await delete_pool(wiring.world(), (await scope(req)).registry, req.route_params["agentPool"])
    return func.HttpResponse(status_code=202 if deleted else 204)


@bp.function_name("pool_queue")
@bp.route(route=f"{POOL}/listQueueStatus", methods=["POST"])
@answering(Role.READER)
async def pool_queue(req: func.HttpRequest) -> func.HttpResponse:
    """How many runs wait for the pool."""
    where = await scope(req)
    return reply(
        agent_pools.queue_status(await count_waiting(wiring.world(), where.registry, req.route_params["agentPool"]))
    )
