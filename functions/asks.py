"""From a run request of the API to the run that is asked for."""

from typing import Any

from baselift import wiring
from baselift.app import pool_rows
from baselift.app.change_task import get_task
from baselift.app.request_run import Ask
from baselift.arm import errors, requests
from baselift.arm.names import Scope, parse_task_id, shorten
from baselift.domain.requests import run_type
from baselift.domain.runs import Cause


async def ask(where: Scope, request: dict[str, Any], cause: Cause) -> Ask:
    """The run that a parsed request asks for.

    Raises:
        ApiError: 400 for what cannot be run, or names an agent pool that is not there.
        NotFound: its task is not there.
    """
    asked = await _ask(where, request, cause)
    pool = asked.request.get("agentPoolName")
    if pool is not None and await pool_rows.count(wiring.world(), where.registry, pool) is None:
        right = f"an agent pool of registry '{where.registry}', or be left out"
        raise errors.invalid(f"agentPoolName is {shorten(pool)}: it must name {right}.", "agentPoolName")
    return asked


async def _ask(where: Scope, request: dict[str, Any], cause: Cause) -> Ask:
    if request["type"] != "TaskRunRequest":
        return Ask(where.registry, cause, request, run_type(request, of_task=False))
    world = wiring.world()
    task = await get_task(world, where.registry, parse_task_id(request["taskId"])[1])
    carried = requests.expand(world.unseal(task.document), request)
    return Ask(where.registry, cause, carried, run_type(carried, of_task=True), task.name)
