"""HTTP: pages for people."""

import json
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.list_runs import list_runs
from baselift.app.registrations import Registration
from baselift.app.request_run import log_name
from baselift.arm.errors import ApiError
from baselift.domain.runs import Run
from functions.dashboard_edge import HEADERS, UI, Visit, go, registry, show, showing
from functions.links import log_link

HOME = "{home:maxlength(0)?}"
R = f"{UI}/{{registry}}"
TASK, RUN = f"{R}/tasks/{{task}}", f"{R}/runs/{{run}}"
RUNS, LOOKED = 50, 1000
"""Runs of one page of the list, and those that are looked at for it."""
SLOW, QUICK = 15, 3
"""Seconds between two looks of a page's script: where things happen, more often."""

bp = func.Blueprint()


@bp.function_name("ui_home")
@bp.route(route=HOME, methods=["GET"])
@showing(None)
async def ui_home(visit: Visit) -> func.HttpResponse:
    """The app's own address leads to the dashboard, where the host passes it on."""
    return go(visit.path())


@bp.function_name("ui_registries")
@bp.route(route=UI, methods=["GET"])
@showing(Role.READER)
async def ui_registries(visit: Visit) -> func.HttpResponse:
    """The registries; the only one at once."""
    found = await wiring.world().registrations.all()
    if len(found) == 1:
        return go(visit.path(found[0].name))
    return await show(visit, "registries.html", {"found": sorted(found, key=lambda each: each.name.lower())})


@bp.function_name("ui_overview")
@bp.route(route=R, methods=["GET"])
@showing(Role.READER)
async def ui_overview(visit: Visit) -> func.HttpResponse:
    """How everything stands."""
    from baselift.web import standing  # noqa: PLC0415  # as below: indexing must not load the templates
    from baselift.web.pages import overview  # noqa: PLC0415

    where, world = await registry(visit), wiring.world()
    data = overview.view(await standing.overview(world, where.name), now(), where.address)
    return await show(visit, "overview.html", at(where, "overview") | data, refresh=SLOW)


@bp.function_name("ui_tasks")
@bp.route(route=f"{R}/tasks", methods=["GET"])
@showing(Role.READER)
async def ui_tasks(visit: Visit) -> func.HttpResponse:
    """All tasks, page by page."""
    from baselift.web import reads, standing  # noqa: PLC0415
    from baselift.web.pages import tasks  # noqa: PLC0415

    where, world = await registry(visit), wiring.world()
    query, after = text(visit, "q"), text(visit, "after")
    names, following = await reads.names(world, where.name, query, after)
    data = tasks.view(await standing.tasks(world, where.name, names), query, after, following, now())
    return await show(visit, "tasks.html", at(where, "tasks") | data)


@bp.function_name("ui_task")
@bp.route(route=TASK, methods=["GET"])
@showing(Role.READER)
async def ui_task(visit: Visit) -> func.HttpResponse:
    """One task."""
    from baselift.web import reads  # noqa: PLC0415
    from baselift.web.pages import task  # noqa: PLC0415

    where, world = await registry(visit), wiring.world()
    seen = await reads.task(world, where.name, visit.req.route_params["task"])
    data = task.view(seen.task, seen.edges, seen.history, seen.told, now())
    return await show(visit, "task.html", at(where, "tasks") | data, refresh=SLOW)


@bp.function_name("ui_task_badge")
@bp.route(route=f"{TASK}/badge.svg", methods=["GET"])
@showing(Role.READER)
async def ui_task_badge(visit: Visit) -> func.HttpResponse:
    """How a task stands, as a picture for a README."""
    from baselift.web import badge, reads  # noqa: PLC0415
    from baselift.web.pages import edges  # noqa: PLC0415

    where, world = await registry(visit), wiring.world()
    seen = await reads.task(world, where.name, visit.req.route_params["task"])
    last = next((run for run in seen.history if run.status.final), None)
    picture = badge.draw("image", edges.standing(seen.task, seen.edges, last))
    return func.HttpResponse(picture.encode(), headers=HEADERS, mimetype="image/svg+xml", charset="utf-8")


@bp.function_name("ui_runs")
@bp.route(route=f"{R}/runs", methods=["GET"])
@showing(Role.READER)
async def ui_runs(visit: Visit) -> func.HttpResponse:
    """All runs, newest first, page by page."""
    from baselift.web.pages import runs  # noqa: PLC0415

    where, params = await registry(visit), visit.req.params
    chosen, task = params.get("status", ""), params.get("task", "")
    statuses = runs.FILTERS.get(chosen)

    def matches(run: Run) -> bool:
        return (statuses is None or run.status in statuses) and (not task or (run.task or "").lower() == task.lower())

    page = await list_runs(
        wiring.world(),
        where.name,
        matches,
        task=task or None,
        statuses=statuses,
        size=RUNS,
        below=number(visit, "below"),
        scanned=LOOKED,
    )
    data = runs.listing(page, now(), chosen=chosen if statuses else "", task=task)
    refresh = 0 if "below" in params else SLOW
    return await show(visit, "runs.html", at(where, "runs") | data, refresh=refresh)


@bp.function_name("ui_run")
@bp.route(route=RUN, methods=["GET"])
@showing(Role.READER)
async def ui_run(visit: Visit) -> func.HttpResponse:
    """One run with a piece of its log: the end, or from the byte `from` on, or the lines that have `q`."""
    from baselift.web import reads  # noqa: PLC0415
    from baselift.web.pages import run  # noqa: PLC0415

    where, world, query = await registry(visit), wiring.world(), text(visit, "q")
    found, told = await reads.run(world, where.name, visit.req.route_params["run"])
    name, start = log_name(found), number(visit, "from")
    piece = await (reads.log_end(world, name) if start is None else reads.log_piece(world, name, start))
    search = await reads.log_search(world, name, query, start or 0) if query else None
    data = run.view(found, told, now()) | {"log": piece, "steps": run.steps(piece.plain), "search": search}
    refresh = 0 if found.status.final else QUICK
    return await show(visit, "run.html", at(where, "runs") | data | {"query": query}, refresh=refresh)


@bp.function_name("ui_run_log")
@bp.route(route=f"{RUN}/log", methods=["GET"])
@showing(Role.READER)
async def ui_run_log(visit: Visit) -> func.HttpResponse:
    """The lines of a log from the byte `from` on, for the page's script: each as escaped HTML."""
    from baselift.web import reads  # noqa: PLC0415

    found = await _log(visit)
    piece = await reads.log_piece(wiring.world(), log_name(found), number(visit, "from") or 0)
    answer = {"end": piece.end, "total": piece.total, "complete": piece.complete, "lines": piece.lines}
    return func.HttpResponse(json.dumps(answer), headers=HEADERS, mimetype="application/json", charset="utf-8")


@bp.function_name("ui_run_log_file")
@bp.route(route=f"{RUN}/log.txt", methods=["GET"])
@showing(Role.READER)
async def ui_run_log_file(visit: Visit) -> func.HttpResponse:
    """The whole log as it is, from where clients of the API get it too."""
    found = await _log(visit)
    return go(await log_link(visit.req, log_name(found)))


async def _log(visit: Visit) -> Run:
    from baselift.web import reads  # noqa: PLC0415

    where = await registry(visit)
    return await reads.run_row(wiring.world(), where.name, visit.req.route_params["run"])


def text(visit: Visit, name: str) -> str:
    """A text of the query, empty where it is not there. Raises ApiError 400."""
    found: str = visit.req.params.get(name, "").strip()
    if not found.isprintable():
        raise ApiError(400, "InvalidRequest", f"{name} must be printable text.")
    return found


def number(visit: Visit, name: str) -> int | None:
    """A whole number of the query; None when it is not there. Raises ApiError 400."""
    text = visit.req.params.get(name)
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 15):  # noqa: PLR2004
        raise ApiError(400, "InvalidRequest", f"{name} must be a whole number.")
    return int(text)


def at(where: Registration, section: str) -> dict[str, Any]:
    """What every page of a registry shows."""
    return {"registry": where.name, "home": where.address, "section": section}


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
