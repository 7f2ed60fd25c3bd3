"""A build step of a task file as the build that it asks for."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baselift.app.homes import at_home
from baselift.app.plan_build import Plan
from baselift.app.world import World
from baselift.domain.builds import BuildSecret, Credential, Failure, Limits, Source
from baselift.domain.contexts import is_remote, same_host
from baselift.domain.taskfile import BuildCommand, Step, Volume
from baselift.domain.taskfile.build import BuildSecret as SecretFlag

WORKSPACE = "/workspace"
_LARGEST = 500 << 10
"""Bytes of a build secret, as BuildKit has it."""


def build_request(
    command: BuildCommand, dockerfile: str, run: Mapping[str, Any], secrets: Collection[str]
) -> dict[str, Any]:
    """The step as a DockerBuildRequest; `secrets` are values of the run that no image may show."""
    return {
        "dockerFilePath": dockerfile,
        "target": command.target,
        "noCache": command.no_cache,
        "platform": _platform(command.platform) or run.get("platform"),
        "agentConfiguration": run.get("agentConfiguration"),
        "credentials": run.get("credentials"),
        "arguments": [
            {"name": each.name, "value": each.value, "isSecret": each.secret or each.value in secrets}
            for each in command.arguments
        ],
    }


@dataclass(frozen=True, slots=True)
class Fetching:
    """How a build step's remote context is fetched."""

    request: Mapping[str, Any]
    """The run's, unsealed: its token goes along to the host that it is for."""
    known: Mapping[str, Credential]
    into: Path
    """A directory that is not there, outside of what steps can write."""


async def build_source(world: World, step: Step, context: str, workspace: Source, remote: Fetching) -> Source:
    """The build's source: a directory of the workspace, or what an address gives.

    Raises:
        Failure: there is no such directory, or the address cannot be fetched.
    """
    if is_remote(context):
        same = same_host(context, remote.request.get("sourceLocation"))
        token = remote.request.get("contextAccessToken") if same else None
        return await world.sources.fetch(await at_home(world, context), token, remote.into, remote.known)
    place = (_working_directory(step, workspace) / context).resolve()
    if not place.is_relative_to(workspace.root.resolve()) or not place.is_dir():
        raise Failure(f"context '{context}' is not a directory of the workspace")
    return Source(place, workspace.commit, workspace.epoch, workspace.root.resolve())


def build_file(step: Step, command: BuildCommand, source: Source, workspace: Source) -> str:
    """The Dockerfile relative to the build's source: as docker has it, ``-f`` is relative to the working directory.

    Raises:
        Failure: it is outside the workspace.
    """
    if command.dockerfile is None or is_remote(command.context):
        return command.dockerfile or "Dockerfile"
    path = (_working_directory(step, workspace) / command.dockerfile).resolve()
    if not path.is_relative_to(workspace.root.resolve()):
        raise Failure(f"Dockerfile '{command.dockerfile}' is outside the workspace")
    return os.path.relpath(path, source.root)


def equipped(plan: Plan, step: Step, workspace: Source, volumes: Sequence[Volume], secrets: Collection[str]) -> Plan:
    """The plan with the step's ``--secret``, ``--label`` and limits; `secrets` are values that no image may show.

    Raises:
        Failure: a secret is not there or too large, or a label has no name or shows a secret.
    """
    command = step.build
    if command is None:
        return plan
    labels = dict(each.partition("=")[::2] for each in command.labels)
    for name, value in labels.items():
        if not name:
            raise Failure("--label needs a name: NAME=VALUE")
        if any(secret in value for secret in secrets if secret):
            raise Failure(f"--label {name} shows a secret: everybody who may pull the image reads its labels")
    found = [BuildSecret(each.id, _secret(each, step, workspace, volumes)) for each in command.secrets]
    limits = limits_of(step).within(plan.order.limits)
    return replace(plan, order=replace(plan.order, secrets=found, labels=labels, limits=limits))


def limits_of(step: Step) -> Limits:
    """What a step says that it may use."""
    return Limits(cpus=float(step.cpus) if step.cpus else None)


def _secret(flag: SecretFlag, step: Step, workspace: Source, volumes: Sequence[Volume]) -> bytes:
    """The value: a variable of the step, a file of one of its volumes or one of the workspace."""
    if flag.variable:
        if flag.variable not in step.env:
            raise Failure(f"--secret id={flag.id}: the step has no variable '{flag.variable}'; write it into its env")
        return step.env[flag.variable].encode()
    for mount in step.mounts:
        volume = next(each for each in volumes if each.name == mount.volume)
        for name, content in volume.files.items():
            if flag.path == f"{mount.path}/{name}":
                return content
    return _read(flag, step, workspace)


def _read(flag: SecretFlag, step: Step, workspace: Source) -> bytes:
    root = workspace.root.resolve()
    inside = flag.path.removeprefix(WORKSPACE + "/") if flag.path.startswith(WORKSPACE + "/") else None
    path = (_working_directory(step, workspace) / flag.path if inside is None else root / inside).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise Failure(f"--secret id={flag.id}: '{flag.path}' is neither a file of the workspace nor of a volume")
    if path.stat().st_size > _LARGEST:
        raise Failure(f"--secret id={flag.id}: '{flag.path}' is larger than {_LARGEST} bytes")
    return path.read_bytes()


def _working_directory(step: Step, workspace: Source) -> Path:
    return workspace.root / os.path.relpath(step.working_directory or WORKSPACE, WORKSPACE)


def _platform(text: str | None) -> Mapping[str, str] | None:
    return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False)) if text else None
