"""HTTP: the edges of a task, how they stand, and what a person says of one."""

from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.edge_policies import meant_base, set_policy
from baselift.app.edge_states import TaskEdges, edge_states, states_of
from baselift.arm import errors, plain
from baselift.domain.edges.policies import POLICIES
from baselift.domain.images import InvalidReference
from functions.edge import REGISTRY, answering, body, reply, scope

EDGES = f"{REGISTRY}/tasks/{{task}}/edges"

bp = func.Blueprint()


@bp.function_name("task_edges")
@bp.route(route=EDGES, methods=["GET"])
@answering(Role.READER)
async def task_edges(req: func.HttpRequest) -> func.HttpResponse:
    """How every edge of a task stands."""
    registry = (await scope(req)).registry
    return reply(_shown(await edge_states(wiring.world(), registry, req.route_params["task"])))


@bp.function_name("task_edge_put")
@bp.route(route=EDGES, methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def task_edge_put(req: func.HttpRequest) -> func.HttpResponse:
    """Set the policy of one edge: ``{"base": REFERENCE, "policy": "rebuild" | "ignore" | "default"}``."""
    registry, given = (await scope(req)).registry, body(req)
    name, text, policy = req.route_params["task"], _base(given), _policy(given)
    try:
        base = await meant_base(wiring.world(), registry, name, text)
    except InvalidReference as error:
        raise errors.invalid(f"base: {error}", "base") from error
    task = await set_policy(wiring.world(), registry, name, base, policy)
    return reply(_shown(await states_of(wiring.world(), task)))


def _shown(found: TaskEdges) -> dict[str, Any]:
    document = plain.document(found)
    return {"value": document.pop("edges"), **document}


def _base(given: Any) -> str:
    text = given.get("base") if isinstance(given, dict) else None
    if not isinstance(text, str) or not text:
        raise errors.invalid(f"base is {text!r}: it must be the reference of a base image of the task.", "base")
    return text


def _policy(given: Any) -> str:
    policy = given.get("policy")
    if policy not in POLICIES:
        raise errors.invalid(f"policy is {policy!r}: it must be one of {', '.join(POLICIES)}.", "policy")
    return str(policy)
