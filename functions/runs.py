"""HTTP: runs of the ACR Tasks REST API."""

import hashlib
from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app import run_rows
from baselift.app.archive_run import archive_run
from baselift.app.cancel_run import cancel_run
from baselift.app.list_runs import list_runs
from baselift.app.request_run import log_name, request_run
from baselift.app.world import NotFound
from baselift.arm import filters, paging, requests, runs
from baselift.arm.names import Scope
from baselift.domain.runs import Cause, Run
from functions.asks import ask
from functions.edge import REGISTRY, answering, body, guid, now, public, reply, scope
from functions.links import log_link

PAGE = 100
RUN = f"{REGISTRY}/runs/{{run}}"

bp = func.Blueprint()


@bp.function_name("run_schedule")
@bp.route(route=f"{REGISTRY}/scheduleRun", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def run_schedule(req: func.HttpRequest) -> func.HttpResponse:
    """Queue a run. A client that asks again with the same request id gets the same run."""
    where = await scope(req)
    request = requests.parse(body(req), where)
    client = req.headers.get("x-ms-client-request-id") or guid()
    # The id is a client's text: its digest is short, and has only what a table's key may have.
    asked = hashlib.sha256(client.encode() + b"\0" + req.get_body()).hexdigest()
    cause = Cause("request", asked, now())
    run = await request_run(wiring.world(), await ask(where, request, cause))
    return reply(runs.show(run, where))


@bp.function_name("runs_list")
@bp.route(route=f"{REGISTRY}/runs", methods=["GET"])
@answering(Role.READER)
async def runs_list(req: func.HttpRequest) -> func.HttpResponse:
    """Runs, newest first. With `$top` that many and no link; without it a page and the link to the next."""
    where, text = await scope(req), req.params.get("$filter")
    wanted, top = filters.parse(text), filters.top(req.params.get("$top"))
    token = req.params.get(paging.PARAMETER)
    below = int(paging.decode(token, text)) if token else None
    page = await list_runs(
        wiring.world(),
        where.registry,
        wanted.matches,
        task=wanted.task,
        statuses=wanted.statuses,
        size=top or PAGE,
        below=below,
    )
    answer: dict[str, Any] = {"value": [runs.show(run, where) for run in page.runs]}
    if page.below is not None and top is None:
        query = {"$filter": text} if text else {}
        answer["nextLink"] = paging.link(public(req).partition("?")[0], query, paging.encode(str(page.below), text))
    return reply(answer)


@bp.function_name("run_get")
@bp.route(route=RUN, methods=["GET"])
@answering(Role.READER)
async def run_get(req: func.HttpRequest) -> func.HttpResponse:
    """One run."""
    where = await scope(req)
    return reply(runs.show(await _run(where, req), where))


@bp.function_name("run_patch")
@bp.route(route=RUN, methods=["PATCH"])
@answering(Role.CONTRIBUTOR)
async def run_patch(req: func.HttpRequest) -> func.HttpResponse:
    """Mark a run as one to keep, or no longer."""
    where, archived = await scope(req), runs.archive(body(req))
    return reply(
        runs.show(await archive_run(wiring.world(), where.registry, req.route_params["run"], archived=archived), where)
    )


@bp.function_name("run_log")
@bp.route(route=f"{RUN}/listLogSasUrl", methods=["POST"])
@answering(Role.READER)
async def run_log(req: func.HttpRequest) -> func.HttpResponse:
    """A link to the run's log."""
    run = await _run(await scope(req), req)
    return reply({"logLink": await log_link(req, log_name(run))})


@bp.function_name("run_cancel")
@bp.route(route=f"{RUN}/cancel", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def run_cancel(req: func.HttpRequest) -> func.HttpResponse:
    """Cancel a run that is not over."""
    await cancel_run(wiring.world(), (await scope(req)).registry, req.route_params["run"])
    return func.HttpResponse(status_code=200)


async def _run(where: Scope, req: func.HttpRequest) -> Run:
    identifier = req.route_params["run"]
    stored = await run_rows.get(wiring.world(), where.registry, identifier)
    if stored is None:
        raise NotFound(f"run '{identifier}' does not exist in registry '{where.registry}'")
    return stored.run
