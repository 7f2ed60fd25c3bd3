"""What the rules need to know of a task's document.

A task is stored as the resource document that the API validated (`baselift.arm`); these views read it and decide
nothing about its form.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselift.domain import images
from baselift.domain.builds import Argument, Credential


@dataclass(frozen=True, slots=True)
class BaseTrigger:
    """The base image trigger: off when absent or disabled."""

    on: bool
    kind: str = "Runtime"
    """`Runtime`: the final stage's base. `All`: every base."""

    def covers(self, edge_kind: str) -> bool:
        """True when a movement of such an edge is meant to fire."""
        return self.on and (self.kind == "All" or edge_kind == "Runtime")


def base_trigger(task: Mapping[str, Any]) -> BaseTrigger:
    """The base image trigger of a task document."""
    trigger = (_properties(task).get("trigger") or {}).get("baseImageTrigger")
    if not trigger or trigger.get("status") == "Disabled":
        return BaseTrigger(on=False)
    return BaseTrigger(on=True, kind=trigger.get("baseImageTriggerType", "Runtime"))


def enabled(task: Mapping[str, Any]) -> bool:
    """False for a task whose status is Disabled."""
    return bool(_properties(task).get("status", "Enabled") == "Enabled")


def step(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """The task's step; empty for a system task that has none."""
    return _properties(task).get("step") or {}


def platform(document: Mapping[str, Any]) -> str:
    """Platform of a run request or of task properties, as OCI writes it: ``linux/arm64/v8``."""
    given = document.get("platform") or {}
    os, architecture = given.get("os", "linux").lower(), given.get("architecture", "amd64").lower()
    architecture = {"x86": "386"}.get(architecture, architecture)
    return "/".join(part for part in (os, architecture, given.get("variant")) if part)


def arguments(document: Mapping[str, Any]) -> list[Argument]:
    """Build arguments of a step or of a run request."""
    given = document.get("arguments") or ()
    return [Argument(arg["name"], arg.get("value") or "", bool(arg.get("isSecret"))) for arg in given]


def credentials(document: Mapping[str, Any]) -> dict[str, Credential]:
    """User and password by registry host, of a run request or of task properties, where they are in clear."""
    found = {}
    for host, given in _custom(document).items():
        user, password = given.get("userName") or {}, given.get("password") or {}
        if in_vault(user) or in_vault(password):
            continue
        if (user := user.get("value")) and (password := password.get("value")):
            found[host.lower()] = Credential(user, password)
    return found


def registries(document: Mapping[str, Any]) -> list[str]:
    """Hosts of the registries that a run request or task properties have a login for, of whatever kind."""
    return [host.lower() for host in _custom(document)]


def only(document: Mapping[str, Any], hosts: Collection[str]) -> dict[str, Any]:
    """Of a document its logins for these registries, and nothing else."""
    found = {host: login for host, login in _custom(document).items() if host.lower() in hosts}
    return {"credentials": {"customRegistries": found}}


def in_vault(secret: Mapping[str, Any]) -> bool:
    """True for a secret whose value is an address in Key Vault."""
    return str(secret.get("type") or "").lower() == "vaultsecret"


def _custom(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return (document.get("credentials") or {}).get("customRegistries") or {}


def outputs(document: Mapping[str, Any], login_server: str) -> Sequence[images.Reference]:
    """Images that a step names without a template: what it is known to move. Others depend on the run."""
    names = [name for name in document.get("imageNames") or () if "{{" not in name]
    return tuple(images.parse(qualified(name, login_server)).tagged() for name in names)


def qualified(name: str, login_server: str, *known: str) -> str:
    """An image name with the registry in front, unless it already begins with that host or a `known` one."""
    host, slash, _ = name.partition("/")
    return name if slash and host.lower() in (login_server.lower(), *known) else f"{login_server}/{name}"


def _properties(task: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = task.get("properties") or {}
    return properties if isinstance(properties, Mapping) else {}
