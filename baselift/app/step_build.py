"""A build step of a task file as the build that it asks for."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from baselift.app.world import World
from baselift.domain.builds import Failure, Source
from baselift.domain.taskfile import BuildCommand, Step

WORKSPACE = "/workspace"
_REMOTE = ("https://", "http://", "github.com/")


def build_request(
    command: BuildCommand, dockerfile: str, run: Mapping[str, Any], secrets: Collection[str]
) -> dict[str, Any]:
    """The step as a DockerBuildRequest; `secrets` are values of the run that no image may show."""
    return {
        "dockerFilePath": dockerfile,
        "target": command.target,
        "noCache": command.no_cache,
        "platform": _platform(command.platform) or run.get("platform"),
        "credentials": run.get("credentials"),
        "arguments": [
            {"name": each.name, "value": each.value, "isSecret": each.secret or each.value in secrets}
            for each in command.arguments
        ],
    }


async def build_source(world: World, step: Step, context: str, workspace: Source) -> Source:
    """The build's source: a directory of the workspace, or what an address gives, fetched into the workspace.

    Raises:
        Failure: there is no such directory, or the address cannot be fetched.
    """
    if context.startswith(_REMOTE):
        return await world.sources.fetch(context, None, workspace.root / step.id)
    place = (_working_directory(step, workspace) / context).resolve()
    if not place.is_relative_to(workspace.root.resolve()) or not place.is_dir():
        raise Failure(f"context '{context}' is not a directory of the workspace")
    return Source(place, workspace.commit, workspace.epoch)


def build_file(step: Step, command: BuildCommand, source: Source, workspace: Source) -> str:
    """The Dockerfile relative to the build's source: as docker has it, ``-f`` is relative to the working directory.

    Raises:
        Failure: it is outside the source.
    """
    if command.dockerfile is None or command.context.startswith(_REMOTE):
        return command.dockerfile or "Dockerfile"
    path = (_working_directory(step, workspace) / command.dockerfile).resolve()
    if not path.is_relative_to(source.root):
        raise Failure(f"Dockerfile '{command.dockerfile}' is outside the context '{command.context}'")
    return str(path.relative_to(source.root))


def _working_directory(step: Step, workspace: Source) -> Path:
    return workspace.root / (step.working_directory or WORKSPACE).removeprefix(WORKSPACE).lstrip("/")


def _platform(text: str | None) -> Mapping[str, str] | None:
    return dict(zip(("os", "architecture", "variant"), text.split("/"), strict=False)) if text else None
