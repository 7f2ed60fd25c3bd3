"""The Dockerfile of an order: found, read and checked before anything is started."""

import os
import platform as machine
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain.builds import BuildOrder, Failure
from baselift.domain.docker_fields import docker_fields
from baselift.domain.dockerfile import DockerfileError, reachable, scan, target_stage
from baselift.domain.instructions import parse
from baselift.domain.lowering import Lowered, lower
from baselift.domain.stages import origins, parse_trigger, read
from baselift.domain.variables import SCRATCH, BaseConfig
from baselift.engines.redaction import Redactor
from baselift.engines.refusals import Version, refuse

_HANDLERS: Final = Path("/proc/sys/fs/binfmt_misc")
# GOARCH, and what the kernel and QEMU call it.
_MACHINES: Final = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "386": "i386",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
_ALSO_RUNS: Final = {"x86_64": {"i386"}, "aarch64": {"arm"}}
_TEXTS_SINCE: Final = (1, 35)
"""The first buildah that reads here-documents."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Dockerfile that can be built."""

    text: bytes
    """As the author wrote it."""
    ignore: str | None
    """Path, relative to the source's root, of the Dockerfile's own ignore file, if it has one."""
    target: str | None
    """The order's by the name that its stage has once it is lowered, or by number where it has none."""
    pins: dict[str, str]
    """Every image, by each spelling that buildah may look it up by -> ``registry/repository@digest``."""


def examine(order: BuildOrder, version: Version) -> Recipe:
    """Read the order's Dockerfile.

    Raises:
        Failure: it is missing or outside the source, does not parse, or needs what this buildah cannot do.
    """
    found = opened(order)
    refuse(found.instructions, version)
    with suppress(_Unknown):
        lowered(order, found.text, _unknown)
    check_platform(order.platform, found.instructions)
    check_pins(order, found.spellings)
    return Recipe(
        found.text, ignore_file(order), _target(order, found.text), _pins(order, found.text, found.instructions)
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """A Dockerfile that parses."""

    text: bytes
    instructions: Sequence[DockerfileInstruction]
    spellings: Collection[str]
    """Every image that it is built on, as written after expansion."""


def opened(order: BuildOrder) -> Opened:
    """Find and read the order's Dockerfile.

    Raises:
        Failure: it is missing or outside the source, or does not parse.
    """
    text = _dockerfile(order).read_bytes()
    try:
        found = scan(text, arguments=_values(order), target=order.target, platform=order.platform)
    except DockerfileError as error:
        raise Failure(f"{order.dockerfile}: {error}") from None
    return Opened(text, parse(text.decode("utf-8", "replace")).instructions, found.spellings)


def check_pins(order: BuildOrder, spellings: Collection[str]) -> None:
    """Refuse a base image that an engine would have to look up by a tag.

    Raises:
        Failure: naming it.
    """
    if missing := [spelling for spelling in spellings if spelling not in order.bases]:
        raise Failure(
            f"{order.dockerfile}: base image '{missing[0]}' has no digest; every base is pinned before a build"
        )


Bases = Callable[[str], BaseConfig]
"""Configurations of the order's bases, by the reference as it is after expansion."""


class _Unknown(Exception):
    """The configuration of a base would have to be known."""


def _unknown(_: str) -> BaseConfig:
    raise _Unknown


def lowered(order: BuildOrder, text: bytes, bases: Bases) -> Lowered:
    """The Dockerfile as this engine builds it.

    Raises:
        Failure: it cannot be said exactly.
    """
    try:
        return lower(text, arguments=_values(order), target=order.target, platform=order.platform, bases=bases)
    except DockerfileError as error:
        # It may show an address or a file name after expansion.
        shown = Redactor(each.value for each in order.arguments if each.secret).text(f"{error}".encode())
        raise Failure(f"{order.dockerfile}: {shown.decode()}") from None


def check_triggers(order: BuildOrder, text: bytes, bases: Bases, version: Version) -> None:
    """Refuse a base whose ONBUILD this buildah cannot run: it takes those of images from the images themselves.

    Raises:
        Failure: naming the base.
    """
    stages = read(text, _values(order), order.target or "", order.platform)
    needed = reachable(stages, target_stage(stages, order.target))
    built, names = {stage.name for stage in needed}, {stage.name for stage in stages if stage.name}
    for base in (stage.base for stage in needed if stage.base.stage is None and stage.base.name != SCRATCH):
        for each, taken in _triggers(bases(base.name)):
            # A stage that nothing in the file needs is not built, and stages are called in lower case.
            lost = [name for name in taken if name.lower() in names and name not in built]
            if lost or (each.heredocs and version < _TEXTS_SINCE):
                what = (
                    f"ONBUILD {each.name} with {f'--from={lost[0]}, which is a stage' if lost else 'a here-document'}"
                )
                raise Failure(
                    f"{order.dockerfile} line {base.line}: base image '{base.name}' has {what}: "
                    "this buildah cannot do that; write the instruction here, on a base without it"
                )


def _triggers(base: BaseConfig) -> Iterator[tuple[DockerfileInstruction, list[str]]]:
    """The instructions of a base's ONBUILD, and what each takes files from. Of one that is wrong buildah says so."""
    for text in base.triggers:
        with suppress(DockerfileError):
            yield from [(each, list(origins(each))) for each in parse_trigger(text, "\\", 1)]


def fields(order: BuildOrder, text: bytes, bases: Bases) -> dict[str, Any]:
    """What Docker's configuration of the image has and OCI's has not.

    Raises:
        Failure: a HEALTHCHECK is wrong.
    """
    try:
        return docker_fields(text, arguments=_values(order), target=order.target, platform=order.platform, bases=bases)
    except DockerfileError as error:
        raise Failure(f"{order.dockerfile}: {error}") from None


def base_config(document: Mapping[str, Any]) -> BaseConfig:
    """What the stages on an image take from its configuration."""
    config = document.get("config") or {}
    env = (each.partition("=") for each in config.get("Env") or ())
    return BaseConfig(
        env={name: value for name, _, value in env},
        shell=tuple(config.get("Shell") or ()),
        triggers=tuple(config.get("OnBuild") or ()),
        health=config.get("Healthcheck"),
    )


def _values(order: BuildOrder) -> dict[str, str]:
    return {each.name: each.value for each in order.arguments}


def _dockerfile(order: BuildOrder) -> Path:
    source, name = order.source, order.dockerfile
    path = (source.root / name).resolve()
    if not path.is_relative_to((source.around or source.root).resolve()):
        raise Failure(f"Dockerfile '{name}' is outside the source; give a path relative to the source's root")
    if not path.is_file():
        raise Failure(f"Dockerfile '{name}' is not in the source; --file names it relative to the source's root")
    return path


def ignore_file(order: BuildOrder) -> str | None:
    """Path, relative to the source's root, of the Dockerfile's own ignore file, if it has one."""
    root, name = order.source.root.resolve(), f"{order.dockerfile}.dockerignore"
    path = (root / name).resolve()
    inside = path.is_relative_to((order.source.around or root).resolve())
    return os.path.relpath(path, root) if inside and path.is_file() else None


def _target(order: BuildOrder, text: bytes) -> str | None:
    if not order.target:
        return None
    stage = target_stage(read(text, _values(order), order.target, order.platform), order.target)
    return stage.name or str(stage.index)


def _pins(order: BuildOrder, text: bytes, instructions: Sequence[DockerfileInstruction]) -> dict[str, str]:
    """The order's bases, and those of FROM also as written: buildah looks there before it expands variables."""
    pins = dict(order.bases)
    arguments = _values(order)
    written = [each.args[0] for each in instructions if each.name == "FROM"]
    for word, stage in zip(written, read(text, arguments, order.target or "", order.platform), strict=True):
        if stage.base.stage is None and stage.base.name in order.bases:
            pins[word] = order.bases[stage.base.name]
    return pins


def check_platform(platform: str, instructions: Sequence[DockerfileInstruction]) -> None:
    """Refuse what cannot run here: another operating system, or RUN for another processor without a handler.

    Raises:
        Failure: with the line of the first RUN.
    """
    system, _, rest = platform.partition("/")
    if system.lower() != "linux":
        raise Failure(f"platform '{platform}': only linux/… images can be built")
    wanted = _MACHINES.get(rest.partition("/")[0].lower(), rest.partition("/")[0].lower())
    here = machine.machine()
    if wanted == here or wanted in _ALSO_RUNS.get(here, ()) or _has_handler(wanted):
        return
    native = False
    for each in instructions:
        if each.name == "FROM":
            native = any(flag.startswith("--platform=") for flag in each.flags)
        elif each.name == "RUN" and not native:
            raise Failure(
                f"Dockerfile line {each.start_line}: RUN needs a {wanted} processor, this machine is {here}; "
                f"register QEMU for it (package qemu-user-static), or build on such a machine"
            )


def _has_handler(wanted: str) -> bool:
    return any(handler.name.startswith(f"qemu-{wanted}") for handler in _HANDLERS.glob("qemu-*"))
