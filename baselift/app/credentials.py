"""Which user and password open a registry: those of the task, those of the registered registry, or none."""

from collections.abc import Mapping
from typing import Any

from baselift.app import base_rows, keys, task_rows
from baselift.app.clear import clear
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import tasks
from baselift.domain.builds import Credential
from baselift.domain.images import Reference

_ASKED = 20
"""Tasks looked at for a login where none is known to have one."""


async def for_request(world: World, request: Mapping[str, Any]) -> dict[str, Credential]:
    """Credentials by real host for a run: the request's own win over the registered ones. `request` is in clear."""
    mode = ((request.get("credentials") or {}).get("sourceRegistry") or {}).get("loginMode")
    registered = {} if mode == "None" else await world.registrations.credentials()
    hosts = await world.registrations.hosts()
    return registered | {hosts.get(host, host): found for host, found in tasks.credentials(request).items()}


async def known(world: World, image: Reference, opener: str) -> Credential | None:
    """The credential to look at a base with, as far as it is known without asking around.

    A registered one, else that of the task which is known to have one (`opener`, see `StoredBase`).
    """
    registered = await world.registrations.credentials()
    if image.registry in registered or not opener:
        return registered.get(image.registry)
    registry, _, task = opener.partition("|")
    return await _of_task(world, image, registry, task)


async def for_watching(world: World, image: Reference) -> Credential | None:
    """The credential to look at a base with: a registered one, else that of a task which depends on it.

    Only a few tasks are asked: what a look costs must not grow with the dependents.
    """
    left, found = _ASKED, await known(world, image, "")
    if found is not None:
        return found
    async for dependent in base_rows.dependents(world, image):
        found = await _of_task(world, image, dependent.edge.registry, dependent.edge.task)
        left -= 1
        if found is not None or not left:
            return found
    return None


async def opener(world: World, task: StoredTask, image: Reference) -> str:
    """``registry|task`` where the task has a login for the image's registry, else nothing."""
    return keys.dependent(task.registry, task.name) if await _logins(world, task, image) else ""


async def _of_task(world: World, image: Reference, registry: str, name: str) -> Credential | None:
    task = await task_rows.get(world, registry, name)
    wanted = await _logins(world, task, image) if task else []
    if task is None or not wanted:
        return None
    found = tasks.credentials(await clear(world, tasks.only(_properties(task), wanted)))
    return next(iter(found.values()), None)


async def _logins(world: World, task: StoredTask, image: Reference) -> list[str]:
    """The hosts under which the task has a login for the image's registry."""
    hosts = await world.registrations.hosts()
    return [host for host in tasks.registries(_properties(task)) if hosts.get(host, host) == image.registry]


def _properties(task: StoredTask) -> Mapping[str, Any]:
    return task.document.get("properties") or {}
