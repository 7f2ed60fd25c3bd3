"""What a container is to the OCI runtime (runtime-spec, config.json), made from what buildah would have run.

buildah looks up the user in the image and knows the capabilities, the seccomp filter and the masked paths; what a step
says about its command, environment and mounts is ours.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from baselift.domain.builds import Failure
from baselift.domain.containers import ContainerOrder

WORKSPACE: Final = "/workspace"
HOME: Final = "/acb/home"
_HOST: Final = re.compile(r"[^\s#\0]+")
_MADE_BY_BUILDAH: Final = frozenset({"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv"})
_FOR_FILES: Final = ("rbind", "private", "nosuid", "nodev")


def check(order: ContainerOrder) -> None:
    """Look for what cannot be run.

    Raises:
        Failure: with the field, its value and what would be right.
    """
    paths = [("working directory", order.working_directory or "/"), *(("volume", path) for path, _ in order.volumes)]
    for what, path in paths:
        if not path.startswith("/") or "\0" in path:
            raise Failure(f"step '{order.name}': {what} '{path}' must be an absolute path")
    for host in (order.name, *order.hosts):
        if not _HOST.fullmatch(host):
            raise Failure(f"step '{order.name}': '{host}' cannot be a host name; no blanks and no '#'")
    for name, value in (order.env or {}).items():
        if not name or "=" in name or "\0" in name + value:
            raise Failure(f"step '{order.name}': variable '{name}' needs a name without '=', and no NUL in either")
    if order.network not in {"run", "host", "none"}:
        raise Failure(f"step '{order.name}': network '{order.network}' is not one of run, host, none")
    if any("\0" in word for word in (*order.command, *(order.entrypoint or ()))):
        raise Failure(f"step '{order.name}': the command has a NUL in it")


def words(order: ContainerOrder, image: Mapping[str, Any]) -> list[str]:
    """What runs: ENTRYPOINT and CMD as Docker joins them; `image` is the config of the image's configuration.

    Raises:
        Failure: there is nothing to run.
    """
    own = order.entrypoint is not None
    entrypoint = list(order.entrypoint or ()) if own else list(image.get("Entrypoint") or ())
    arguments = list(order.command) or ([] if own else list(image.get("Cmd") or ()))
    if not entrypoint and not arguments:
        raise Failure(f"step '{order.name}': the image has neither ENTRYPOINT nor CMD; write a command after it")
    return entrypoint + arguments


def compose(
    recorded: dict[str, Any], order: ContainerOrder, command: Sequence[str], scratch: str, volumes: Sequence[str]
) -> dict[str, Any]:
    """The container of an order.

    `recorded` is what buildah would have handed to a runtime, `scratch` where the sandbox has the files hosts and
    resolv.conf and the directory rootfs, `volumes` where it has each of the order's.
    """
    place = scratch.rpartition("/")[0]
    mounts = [each for each in recorded["mounts"] if each["destination"] not in _MADE_BY_BUILDAH]
    mounts += [_bind(f"{place}/workspace", WORKSPACE), _bind(f"{place}/home", HOME)]
    mounts += [_bind(f"{scratch}/{name}", f"/etc/{name}") for name in ("hosts", "resolv.conf")]
    mounts += [_bind(source, path, "ro") for source, (path, _) in zip(volumes, order.volumes, strict=True)]
    linux = dict(recorded["linux"])
    if order.network == "none":
        linux["namespaces"] = [*linux["namespaces"], {"type": "network"}]
    process = recorded["process"]
    return {
        **recorded,
        "root": {"path": f"{scratch}/rootfs"},
        "hostname": order.name[:64],
        "mounts": mounts,
        "linux": linux,
        "process": {
            **process,
            "terminal": False,
            "args": list(command),
            "cwd": order.working_directory or process["cwd"],
            "env": _environment(process["env"], order),
        },
    }


def hosts(order: ContainerOrder) -> str:
    """The container's /etc/hosts."""
    names = dict.fromkeys((order.name, *(order.hosts if order.network != "none" else ())))
    return "127.0.0.1 localhost\n::1 localhost\n" + "".join(f"127.0.0.1 {name}\n" for name in names)


def _bind(source: str, destination: str, *more: str) -> dict[str, Any]:
    return {"destination": destination, "type": "bind", "source": source, "options": [*_FOR_FILES, *more]}


def _environment(recorded: Sequence[str], order: ContainerOrder) -> list[str]:
    inherited = dict(each.partition("=")[::2] for each in recorded)
    merged = {**inherited, "HOSTNAME": order.name, "HOME": HOME, **(order.env or {})}
    return [f"{name}={value}" for name, value in merged.items()]
