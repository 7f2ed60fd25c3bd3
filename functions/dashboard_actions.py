"""HTTP: what people do on the dashboard, by forms. Each does what a call of the API does."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.cancel_run import cancel_run
from baselift.app.change_task import change_task, get_task
from baselift.app.request_run import request_run
from baselift.app.run_again import run_again
from baselift.app.waves import control, pauses
from baselift.app.waves.list_waves import show_wave
from baselift.app.world import World
from baselift.arm import errors, names, requests, tasks, waves
from baselift.arm.names import Scope
from baselift.domain.runs import Cause
from functions.asks import ask
from functions.dashboard import RUN, TASK, R
from functions.dashboard_edge import Visit, acting, fields, go, registry
from functions.dashboard_waves import WAVE
from functions.edge import guid, now

bp = func.Blueprint()


@bp.function_name("ui_act_task_run")
@bp.route(route=f"{TASK}/run", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_task_run(visit: Visit) -> func.HttpResponse:
    """Queue a run of a task, and show it."""
    where = await registry(visit)
    scope = Scope(wiring.settings().subscription, where.group, where.name)
    task = (await get_task(wiring.world(), where.name, visit.req.route_params["task"])).name
    request = requests.parse({"type": "TaskRunRequest", "taskId": names.task_id(scope, task)}, scope)
    run = await request_run(wiring.world(), await ask(scope, request, _cause(visit)))
    return go(visit.path(where.name, "runs", run.id))


@bp.function_name("ui_act_task_enable")
@bp.route(route=f"{TASK}/enable", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_task_enable(visit: Visit) -> func.HttpResponse:
    """Have a task follow its bases and its other triggers again."""
    return await _switch(visit, "Enabled")


@bp.function_name("ui_act_task_disable")
@bp.route(route=f"{TASK}/disable", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_task_disable(visit: Visit) -> func.HttpResponse:
    """Have nothing start a task but people."""
    return await _switch(visit, "Disabled")


@bp.function_name("ui_act_run_cancel")
@bp.route(route=f"{RUN}/cancel", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_run_cancel(visit: Visit) -> func.HttpResponse:
    """Cancel a run that is not over."""
    where = await registry(visit)
    run = await cancel_run(wiring.world(), where.name, visit.req.route_params["run"])
    return go(visit.path(where.name, "runs", run.id))


@bp.function_name("ui_act_run_again")
@bp.route(route=f"{RUN}/again", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_run_again(visit: Visit) -> func.HttpResponse:
    """Queue what a run ran once more, and show the new run."""
    where = await registry(visit)
    run = await run_again(wiring.world(), where.name, visit.req.route_params["run"], _cause(visit))
    return go(visit.path(where.name, "runs", run.id))


@bp.function_name("ui_act_wave_resume")
@bp.route(route=f"{WAVE}/resume", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_wave_resume(visit: Visit) -> func.HttpResponse:
    """Have done what is left of a wave."""
    return await _on_wave(visit, control.resume_wave)


@bp.function_name("ui_act_wave_cancel")
@bp.route(route=f"{WAVE}/cancel", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_wave_cancel(visit: Visit) -> func.HttpResponse:
    """Cancel a wave, and its runs that are not over."""
    return await _on_wave(visit, control.cancel_wave)


@bp.function_name("ui_act_pause")
@bp.route(route=f"{R}/pause", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_pause(visit: Visit) -> func.HttpResponse:
    """Have nothing of a registry's waves start until somebody says so."""
    where = await registry(visit)
    await pauses.put(wiring.world(), waves.parse_pause({"kind": "registry"}, where.name, now()))
    return go(visit.path(where.name, "waves"))


@bp.function_name("ui_act_unpause")
@bp.route(route=f"{R}/unpause", methods=["POST"])
@acting(Role.CONTRIBUTOR)
async def ui_act_unpause(visit: Visit) -> func.HttpResponse:
    """Go on with what waited."""
    where = await registry(visit)
    await control.unpause(wiring.world(), waves.parse_pause({"kind": "registry"}, where.name, now()))
    return go(visit.path(where.name, "waves"))


async def _on_wave(visit: Visit, act: Callable[[World, str], Awaitable[Any]]) -> func.HttpResponse:
    where, world = await registry(visit), wiring.world()
    shown, _ = await show_wave(world, where.name, visit.req.route_params["wave"])
    await act(world, shown.wave.id)
    return go(visit.path(where.name, "waves", shown.wave.id))


async def _switch(visit: Visit, status: str) -> func.HttpResponse:
    where, name = await registry(visit), visit.req.route_params["task"]
    by = visit.caller.name if visit.caller else ""

    def change(existing: dict[str, Any] | None) -> dict[str, Any]:
        if existing is None:
            raise errors.not_found("task", name, within=f"registry '{where.name}'")
        return tasks.merge(existing, {"properties": {"status": status}}, now=now(), ids=guid, by=by)

    await get_task(wiring.world(), where.name, name)
    task = await change_task(wiring.world(), where.name, name, change)
    return go(visit.path(where.name, "tasks", task.name))


def _cause(visit: Visit) -> Cause:
    """A form that is sent twice asks for one run: each page that is shown has a mark of its own."""
    once = fields(visit).get("once") or guid()
    return Cause("request", hashlib.sha256(f"{visit.browser}\0{visit.here}\0{once}".encode()).hexdigest(), now())
