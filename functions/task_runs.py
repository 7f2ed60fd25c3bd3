"""HTTP: task runs of the ACR Tasks REST API."""

from collections.abc import Callable, Mapping
from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.start_task_run import (
    Declared,
    change_task_run,
    delete_task_run,
    get_task_run,
    result,
)
from baselift.app.task_run_rows import every
from baselift.arm import errors, task_runs
from baselift.arm.names import Scope
from baselift.domain.runs import Cause
from functions.asks import ask
from functions.edge import REGISTRY, answering, body, guid, now, reply, scope

TASK_RUNS = f"{REGISTRY}/taskRuns"
TASK_RUN = f"{TASK_RUNS}/{{taskRun}}"
SOON = {"Retry-After": "1"}
"""Seconds to the next look of a client that waits for the run to end."""

bp = func.Blueprint()

Document = Mapping[str, Any]


@bp.function_name("task_runs_list")
@bp.route(route=TASK_RUNS, methods=["GET"])
@answering(Role.READER)
async def task_runs_list(req: func.HttpRequest) -> func.HttpResponse:
    """All task runs, secrets masked."""
    where, world = await scope(req), wiring.world()
    found = [
        task_runs.show(each.document, await result(world, each), where, secrets=False)
        async for each in every(world, where.registry)
    ]
    return reply({"value": found})


@bp.function_name("task_run_get")
@bp.route(route=TASK_RUN, methods=["GET"])
@answering(Role.READER)
async def task_run_get(req: func.HttpRequest) -> func.HttpResponse:
    """One task run, secrets masked, with its run as it is now."""
    where = await scope(req)
    stored, run = await get_task_run(wiring.world(), where.registry, req.route_params["taskRun"])
    return reply(task_runs.show(stored.document, run, where, secrets=False), headers=SOON)


@bp.function_name("task_run_details")
@bp.route(route=f"{TASK_RUN}/listDetails", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def task_run_details(req: func.HttpRequest) -> func.HttpResponse:
    """One task run with its secrets."""
    where, world = await scope(req), wiring.world()
    stored, run = await get_task_run(world, where.registry, req.route_params["taskRun"])
    return reply(task_runs.show(world.unseal(stored.document), run, where, secrets=True))


@bp.function_name("task_run_put")
@bp.route(route=TASK_RUN, methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def task_run_put(req: func.HttpRequest) -> func.HttpResponse:
    """Declare a run: it starts when the task run is new, or asks for something else than before."""
    where, name, given = await scope(req), req.route_params["taskRun"], body(req)

    def document(existing: Document | None) -> dict[str, Any]:
        return task_runs.create(given, existing, scope=where, name=name, ids=guid)

    return await _change(where, name, document)


@bp.function_name("task_run_patch")
@bp.route(route=TASK_RUN, methods=["PATCH"])
@answering(Role.CONTRIBUTOR)
async def task_run_patch(req: func.HttpRequest) -> func.HttpResponse:
    """Change parts of a task run; a changed request or forceUpdateTag starts a run."""
    where, name, given = await scope(req), req.route_params["taskRun"], body(req)

    def document(existing: Document | None) -> dict[str, Any]:
        if existing is None:
            raise errors.not_found("task run", name, within=f"registry '{where.registry}'")
        return task_runs.merge(existing, given, scope=where, ids=guid)

    return await _change(where, name, document)


@bp.function_name("task_run_delete")
@bp.route(route=TASK_RUN, methods=["DELETE"])
@answering(Role.CONTRIBUTOR)
async def task_run_delete(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a task run; its run goes on."""
    deleted = await delete_task_run(wiring.world(), (await scope(req)).registry, req.route_params["taskRun"])
    return func.HttpResponse(status_code=200 if deleted else 204)


async def _change(where: Scope, name: str, make: Callable[[Document | None], dict[str, Any]]) -> func.HttpResponse:
    async def change(existing: Document | None) -> Declared:
        document = make(existing)
        if not task_runs.starts_run(document, existing):
            return Declared(document, None)
        cause = Cause("request", f"taskRun|{name}|{document['properties'].get('forceUpdateTag') or ''}", now())
        return Declared(document, await ask(where, document["properties"]["runRequest"], cause))

    stored, run = await change_task_run(wiring.world(), where.registry, name, change)
    return reply(task_runs.show(stored.document, run, where, secrets=False), headers=SOON)
