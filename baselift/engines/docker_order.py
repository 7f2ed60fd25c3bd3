"""A container's order as the Docker engine is told of it (Engine API, ContainerCreate)."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from baselift.domain.builds import Credential, Limits
from baselift.domain.containers import ContainerOrder
from baselift.engines.runtime import HOME, WORKSPACE

_BILLION: Final = 10**9


def body(
    order: ContainerOrder, limits: Limits, *, network: str, labels: Mapping[str, str], cpus: int
) -> dict[str, Any]:
    """What is sent; `network` is the run's, `cpus` how many the engine has. A limit on disk is not kept."""
    own = order.network == "run"
    return {
        "Image": order.image,
        "Hostname": order.name[:63],
        "User": order.user or "",
        "WorkingDir": order.working_directory or "",
        # An empty list would leave the image's own in place.
        "Entrypoint": None if order.entrypoint is None else list(order.entrypoint) or [""],
        "Cmd": list(order.command) or None,
        "Env": [f"{name}={value}" for name, value in {"HOME": HOME, **(order.env or {})}.items()],
        "Labels": dict(labels),
        "HostConfig": {
            "NetworkMode": network if own else order.network,
            "ExtraHosts": [f"{order.name}:127.0.0.1"] if order.network == "none" else [],
            "Mounts": _mounts(order),
            # What it prints, secrets too, is for us alone and not for the engine's files.
            "LogConfig": {"Type": "none"},
            **_limits(limits, cpus),
        },
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": [order.name]}}} if own else {},
    }


def _limits(limits: Limits, cpus: int) -> dict[str, int]:
    found = {"PidsLimit": limits.pids} if limits.pids is not None else {}
    if limits.cpus is not None:
        found["NanoCpus"] = int(min(limits.cpus, cpus) * _BILLION)
    if limits.memory is not None:
        found |= {"Memory": limits.memory, "MemorySwap": limits.memory}
    return found


def _mounts(order: ContainerOrder) -> list[dict[str, Any]]:
    places = [(order.workspace, WORKSPACE, False), (order.home, HOME, False)]
    places += [(path, inside, True) for inside, path in order.volumes]
    return [
        {"Type": "bind", "Source": str(path.absolute()), "Target": inside, "ReadOnly": read_only}
        for path, inside, read_only in places
    ]


def login(credential: Credential | None, registry: str) -> dict[str, str]:
    """The header of a pull."""
    if credential is None:
        return {}
    known = {"username": credential.username, "password": credential.password, "serveraddress": registry}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(known).encode()).decode()}
