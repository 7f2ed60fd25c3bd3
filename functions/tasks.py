"""HTTP: tasks of the ACR Tasks REST API."""

from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.change_task import change_task, delete_task, get_task
from baselift.app.task_rows import StoredTask, every
from baselift.arm import errors, names, tasks
from functions.edge import REGISTRY, answering, body, caller, guid, now, reply, scope

TASKS = f"{REGISTRY}/tasks"
TASK = f"{TASKS}/{{task}}"

bp = func.Blueprint()


@bp.function_name("tasks_list")
@bp.route(route=TASKS, methods=["GET"])
@answering(Role.READER)
async def tasks_list(req: func.HttpRequest) -> func.HttpResponse:
    """All tasks, secrets masked."""
    found = [shown(task) async for task in every(wiring.world(), (await scope(req)).registry)]
    return reply({"value": found})


@bp.function_name("task_get")
@bp.route(route=TASK, methods=["GET"])
@answering(Role.READER)
async def task_get(req: func.HttpRequest) -> func.HttpResponse:
    """One task, secrets masked."""
    return reply(shown(await get_task(wiring.world(), (await scope(req)).registry, req.route_params["task"])))


@bp.function_name("task_details")
@bp.route(route=f"{TASK}/listDetails", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def task_details(req: func.HttpRequest) -> func.HttpResponse:
    """One task with its secrets."""
    world = wiring.world()
    task = await get_task(world, (await scope(req)).registry, req.route_params["task"])
    return reply(tasks.show(world.unseal(task.document), secrets=True, bases=task.edges.bases))


@bp.function_name("task_put")
@bp.route(route=TASK, methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def task_put(req: func.HttpRequest) -> func.HttpResponse:
    """Create or replace a task. Answers 200 in both cases: the Azure CLI prints a dump of the pipeline for 201."""
    where, name, given = await scope(req), req.route_params["task"], body(req)
    names.check_task(name)

    def change(existing: dict[str, Any] | None) -> dict[str, Any]:
        return tasks.create(given, existing, scope=where, name=name, now=now(), ids=guid, by=caller())

    return reply(shown(await change_task(wiring.world(), where.registry, name, change)))


@bp.function_name("task_patch")
@bp.route(route=TASK, methods=["PATCH"])
@answering(Role.CONTRIBUTOR)
async def task_patch(req: func.HttpRequest) -> func.HttpResponse:
    """Change parts of a task."""
    where, name, given = await scope(req), req.route_params["task"], body(req)

    def change(existing: dict[str, Any] | None) -> dict[str, Any]:
        if existing is None:
            raise errors.not_found("task", name, within=f"registry '{where.registry}'")
        return tasks.merge(existing, given, now=now(), ids=guid, by=caller())

    return reply(shown(await change_task(wiring.world(), where.registry, name, change)))


@bp.function_name("task_delete")
@bp.route(route=TASK, methods=["DELETE"])
@answering(Role.CONTRIBUTOR)
async def task_delete(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a task; its runs and images stay."""
    deleted = await delete_task(wiring.world(), (await scope(req)).registry, req.route_params["task"])
    return func.HttpResponse(status_code=200 if deleted else 204)


def shown(task: StoredTask) -> dict[str, Any]:
    """The task as anyone may see it."""
    return tasks.show(task.document, secrets=False, bases=task.edges.bases)
