"""Which user and password open a registry: those of the task, those of the registered registry, or none."""

from collections.abc import Mapping
from typing import Any

from baselift.app import base_rows, task_rows
from baselift.app.world import World
from baselift.domain import tasks
from baselift.domain.builds import Credential
from baselift.domain.images import Reference


def for_request(world: World, request: Mapping[str, Any]) -> dict[str, Credential]:
    """Credentials by host for a run: the request's own win over the registered ones. `request` is unsealed."""
    mode = ((request.get("credentials") or {}).get("sourceRegistry") or {}).get("loginMode")
    registered = {} if mode == "None" else dict(world.credentials)
    return registered | tasks.credentials(request)


async def for_watching(world: World, image: Reference) -> Credential | None:
    """The credential to look at a base with: a registered one, else that of a task which depends on it."""
    if image.registry in world.credentials:
        return world.credentials[image.registry]
    async for dependent in base_rows.dependents(world, image):
        task = await task_rows.get(world, dependent.edge.registry, dependent.edge.task)
        found = tasks.credentials(world.unseal((task.document.get("properties") or {}) if task else {}))
        if image.registry in found:
            return found[image.registry]
    return None
