"""A task file that was read, written for others to read: rendered, without aliases, every default said.

Written as JSON, which is YAML. Nothing in it is rendered again: what looks like a template is written as one that gives
that text, and no line begins with ``version``, so that no reader looks for aliases.
"""

import base64
import json
from typing import Any

from baselift.domain.taskfile.model import DEFAULT_NETWORK, Kind, Network, Step, TaskFile
from baselift.domain.taskfile.steps import PROPERTIES

_FROM_FLAGS = {"expose": "expose", "ports": "publish"}
"""Properties to which the flags of a ``cmd`` add, and those flags, which stay in its text."""


def written(file: TaskFile) -> str:
    """The text of a task file: reading it gives the same steps, networks and volumes."""
    document: dict[str, Any] = {"version": file.version, "steps": [_step(step) for step in file.steps]}
    if any(network.name != DEFAULT_NETWORK for network in file.networks):
        document["networks"] = [_network(network) for network in file.networks]
    if file.volumes:
        document["volumes"] = [
            {"name": each.name, "secret": {name: base64.b64encode(data).decode() for name, data in each.files.items()}}
            for each in file.volumes
        ]
    return json.dumps(document, indent=1, ensure_ascii=False).replace("{{", '{{"{{"}}')


def _step(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": step.id,
        step.kind.value: list(step.images) if step.kind is Kind.PUSH else step.text,
        "timeout": step.timeout,
        "retryDelay": step.retry_delay,
        "env": [f"{name}={value}" for name, value in step.env.items()],
        "network": step.network,
        "volumeMounts": [{"name": mount.volume, "mountPath": mount.path} for mount in step.mounts],
        "cache": {None: "", True: "enabled", False: "disabled"}[step.cache],
    }
    told |= {each.key: _plain(step, each.attribute) for each in PROPERTIES}
    if step.kind is not Kind.PUSH:
        directory = step.working_directory
        told |= {"workingDirectory": directory} if directory else {"disableWorkingDirectoryOverride": True}
    return {name: value for name, value in told.items() if value not in (None, "", [], False)}


def _plain(step: Step, attribute: str) -> Any:
    value = getattr(step, attribute)
    if not isinstance(value, tuple):
        return value
    flags = step.command.flags if step.command and attribute in _FROM_FLAGS else ()
    added = sum(flag.name == _FROM_FLAGS[attribute] for flag in flags)
    return list(value[: len(value) - added])


def _network(network: Network) -> dict[str, Any]:
    return {
        "name": network.name,
        "driver": network.driver,
        "ipv6": network.ipv6,
        "skipCreation": network.external,
        "isDefault": network.default,
    }
