"""Which user and password open a registry: those of the task, those of the registered registry, or none."""

from collections.abc import Mapping
from typing import Any

from baselift.app import base_rows, task_rows
from baselift.app.clear import clear
from baselift.app.world import World
from baselift.domain import tasks
from baselift.domain.builds import Credential
from baselift.domain.images import Reference


async def for_request(world: World, request: Mapping[str, Any]) -> dict[str, Credential]:
    """Credentials by real host for a run: the request's own win over the registered ones. `request` is in clear."""
    mode = ((request.get("credentials") or {}).get("sourceRegistry") or {}).get("loginMode")
    registered = {} if mode == "None" else await world.registrations.credentials()
    hosts = await world.registrations.hosts()
    return registered | {hosts.get(host, host): found for host, found in tasks.credentials(request).items()}


async def for_watching(world: World, image: Reference) -> Credential | None:
    """The credential to look at a base with: a registered one, else that of a task which depends on it."""
    registered = await world.registrations.credentials()
    if image.registry in registered:
        return registered[image.registry]
    hosts = await world.registrations.hosts()
    async for dependent in base_rows.dependents(world, image):
        task = await task_rows.get(world, dependent.edge.registry, dependent.edge.task)
        document = (task.document.get("properties") or {}) if task else {}
        wanted = [host for host in tasks.registries(document) if hosts.get(host, host) == image.registry]
        for credential in tasks.credentials(await clear(world, tasks.only(document, wanted))).values():
            return credential
    return None
