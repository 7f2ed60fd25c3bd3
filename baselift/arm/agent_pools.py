"""The agentPool resource: a limit on how many runs go on at once."""

from collections.abc import Mapping
from typing import Any

from baselift.arm import names, shapes
from baselift.arm.models import AGENT_POOL
from baselift.arm.names import Scope

TYPE = f"{names.PROVIDER}/registries/agentPools"


def create(body: Any, *, scope: Scope, name: str) -> dict[str, Any]:
    """The document that a PUT stores. Raises ApiError 400."""
    names.check_pool(name)
    given = shapes.document(AGENT_POOL, body)
    return _document({"type": TYPE, "id": f"{scope.id}/agentPools/{name}", "name": name}, given)


def merge(existing: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """The document after a PATCH: `count` and tags can change. Raises ApiError 400."""
    change = shapes.document(AGENT_POOL, patch, partial=True)
    merged = AGENT_POOL.merge({name: existing[name] for name in AGENT_POOL.fields if name in existing}, change)
    head = {name: existing[name] for name in ("type", "id", "name")}
    return _document(head, shapes.document(AGENT_POOL, merged))


def queue_status(waiting: int) -> dict[str, Any]:
    """Answer of listQueueStatus: how many runs wait for the pool."""
    return {"count": waiting}


def _document(head: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {**head, **given, "properties": {"provisioningState": "Succeeded", **given["properties"]}}
