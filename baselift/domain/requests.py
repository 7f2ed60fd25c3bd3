"""From a task to the run request that its runs carry: the step's fields in the shape of the API's run requests."""

from collections.abc import Mapping
from typing import Any

from baselift.domain import tasks

_KINDS = {
    "Docker": "DockerBuildRequest",
    "FileTask": "FileTaskRunRequest",
    "EncodedTask": "EncodedTaskRunRequest",
}
LAYER_CACHE = "baselift-layer-cache"
"""Tag of a task: `enabled` keeps the layers of its builds. ACR's resource has no property for it."""
_NOT_IN_REQUESTS = ("type", "contextPath", "baseImageDependencies")
_FROM_TASK = ("platform", "timeout", "agentConfiguration", "credentials", "agentPoolName", "logTemplate")


def of_task(task: Mapping[str, Any]) -> dict[str, Any]:
    """The request for a run of a task as it is stored, without overrides."""
    properties, step = task.get("properties") or {}, tasks.step(task)
    request = {name: value for name, value in step.items() if name not in _NOT_IN_REQUESTS}
    request |= {name: properties[name] for name in _FROM_TASK if properties.get(name) is not None}
    if step.get("contextPath") is not None:
        request["sourceLocation"] = step["contextPath"]
    if (task.get("tags") or {}).get(LAYER_CACHE, "").lower() == "enabled":
        request["layerCache"] = True
    return {"type": _KINDS[step["type"]], **request}


def run_type(request: Mapping[str, Any], *, of_task: bool) -> str:
    """What a run is called: Auto for a task's, whatever started it; Quick for an ad hoc one."""
    return ("Auto" if of_task else "Quick") + ("Build" if request["type"] == "DockerBuildRequest" else "Run")
