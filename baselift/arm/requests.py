"""Run requests: what `scheduleRun` takes, and what a run of a task carries."""

import copy
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from baselift.arm import names, shapes
from baselift.arm.addresses import TOKEN, move_token
from baselift.arm.errors import conflict, invalid
from baselift.arm.models import OVERRIDE, RUN_REQUEST
from baselift.arm.names import Scope
from baselift.domain.requests import of_task

_OVERRIDE = "overrideTaskStepProperties"
_FILES = {"Docker": "dockerFilePath", "FileTask": "taskFilePath"}
_APPLICABLE = {
    "Docker": frozenset({"contextPath", "file", "arguments", "target", "updateTriggerToken"}),
    "FileTask": frozenset({"contextPath", "file", "values", "updateTriggerToken"}),
    "EncodedTask": frozenset({"contextPath", "values", "updateTriggerToken"}),
}


def parse(body: Any, scope: Scope) -> dict[str, Any]:
    """A run request of one of the four types in its normal form, defaults filled in.

    Raises:
        ApiError: 400 or 413; also when `taskId` names a task of another registry.
    """
    request = shapes.document(RUN_REQUEST, body)
    check_task(request, scope)
    move_token(request, "sourceLocation")
    return request


def check_task(request: Mapping[str, Any], scope: Scope) -> None:
    """Refuse a TaskRunRequest whose `taskId` names no task of this registry. Raises ApiError 400."""
    if request["type"] != "TaskRunRequest":
        return
    registry, task = names.parse_task_id(request["taskId"])
    names.check_task(task)
    if registry.casefold() != scope.registry.casefold():
        raise invalid(f"taskId names a task of registry '{registry}': it must be of '{scope.registry}'.", "taskId")


def expand(task: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """What the run that a parsed TaskRunRequest asks for carries: the task's step, the overrides, the request's own."""
    carried = override(task, request.get(_OVERRIDE))
    own = {name: request[name] for name in ("isArchiveEnabled", "agentPoolName", "logTemplate") if name in request}
    return carried | own


def override(task: Mapping[str, Any], changes: Any = None) -> dict[str, Any]:
    """A task's step as a run request with `changes` (overrideTaskStepProperties; None for a triggered run).

    Besides the request's own fields it holds contextAccessToken and updateTriggerToken where there are any. The access
    token goes only to the host that it was given for.

    Raises:
        ApiError: 409 for a task without a step, 400 for an override that the step's type does not have.
    """
    step = task["properties"].get("step")
    if step is None:
        raise conflict(f"Task '{task['name']}' has no step: send a run request of another type than TaskRunRequest.")
    given = OVERRIDE.read(changes or {}, _OVERRIDE, partial=False)
    _check_applicable(step["type"], given)
    return copy.deepcopy(_overridden(of_task(task), step, given))


def _check_applicable(kind: str, given: Mapping[str, Any]) -> None:
    wrong = next((name for name, value in given.items() if value and name not in _APPLICABLE[kind]), None)
    if wrong is not None:
        right = ", ".join(sorted(_APPLICABLE[kind]))
        at = f"{_OVERRIDE}.{wrong}"
        raise invalid(f"{at} does not apply to a task with a {kind} step: it can override {right}.", at)


def _overridden(request: dict[str, Any], step: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("arguments", "values"):
        if name in request:
            request[name] = _by_name(request[name], given[name])
    if "file" in given:
        request[_FILES[step["type"]]] = given["file"]
    request |= {name: given[name] for name in ("target", "updateTriggerToken") if name in given}
    if "contextPath" in given:
        request["sourceLocation"] = given["contextPath"]
    if _host(request.get("sourceLocation")) != _host(step.get("contextPath")):
        request.pop(TOKEN, None)
    move_token(request, "sourceLocation")
    return request


def _by_name(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({item["name"]: item for item in (*old, *new)}.values())


def _host(source: str | None) -> str:
    text = source or ""
    address = f"https://{text}" if text.startswith("github.com/") else text
    return urlsplit(address).netloc.rpartition("@")[2].casefold()
