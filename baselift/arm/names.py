"""Names of tasks and registries, and the ids of resources.

Ids and names are compared without regard to case, as Azure Resource Manager does; they are kept as they were given.
"""

import re
from dataclasses import dataclass

from baselift.arm.errors import invalid

PROVIDER = "Microsoft.ContainerRegistry"
_TASK = re.compile(r"[A-Za-z0-9_-]{5,50}")
_REGISTRY = re.compile(r"[A-Za-z0-9-]{5,50}")
_POOL = re.compile(r"[A-Za-z0-9-]{3,20}")
_TASK_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerRegistry"
    r"/registries/(?P<registry>[^/]+)/tasks/(?P<task>[^/]+)/?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a resource lives: one registry of one resource group."""

    subscription: str
    resource_group: str
    registry: str

    @property
    def group_id(self) -> str:
        """Id of the resource group."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"

    @property
    def id(self) -> str:
        """Id of the registry."""
        return f"{self.group_id}/providers/{PROVIDER}/registries/{self.registry}"


def check_task(name: str, *, kind: str = "task") -> None:
    """Refuse a task's name that ACR would refuse. Raises ApiError 400."""
    if not _TASK.fullmatch(name):
        raise invalid(f"The {kind} name {shorten(name)} must be 5 to 50 characters of A-Z a-z 0-9 - _.", "name")


def check_registry(name: str) -> None:
    """Refuse a registry's name that the Azure CLI would refuse. Raises ApiError 400."""
    if not _REGISTRY.fullmatch(name):
        raise invalid(f"The registry name {shorten(name)} must be 5 to 50 characters of A-Z a-z 0-9 -.", "name")


def check_pool(name: str) -> None:
    """Refuse an agent pool's name that ACR would refuse. Raises ApiError 400."""
    if not _POOL.fullmatch(name):
        raise invalid(f"The agent pool name {shorten(name)} must be 3 to 20 characters of A-Z a-z 0-9 -.", "name")


def task_id(scope: Scope, name: str) -> str:
    """Id of a task."""
    return f"{scope.id}/tasks/{name}"


def run_id(scope: Scope, run: str) -> str:
    """Id of a run; `run` is the short one, for example ``da6``."""
    return f"{scope.id}/runs/{run}"


def parse_task_id(text: str) -> tuple[str, str]:
    """Registry and task that a task id names, as spelled there. Raises ApiError 400."""
    match = _TASK_ID.fullmatch(text)
    if match is None:
        right = f"/subscriptions/<id>/resourceGroups/<group>/providers/{PROVIDER}/registries/<registry>/tasks/<task>"
        raise invalid(f"taskId is {shorten(text)}: it must read {right}.", "taskId")
    return match["registry"], match["task"]


def shorten(text: str, most: int = 80) -> str:
    """The text as a message shows it: quoted, printable, its end cut off when it is long."""
    return ascii(text if len(text) <= most else text[: most - 3] + "...")
