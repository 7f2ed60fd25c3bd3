"""What Docker keeps in an image's configuration and OCI has no field for: HEALTHCHECK, ONBUILD and SHELL.

Source: moby's docker-image-spec 1.3, whose fields registries and runtimes find under OCI's media type as well.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain.dockerfile import target_stage
from baselift.domain.stages import DockerfileError, Stage, parse_trigger, read, triggers
from baselift.domain.variables import SCRATCH, BaseConfig, Bases

_UNITS: Final = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_PAUSES: Final = {
    "--interval": "Interval",
    "--timeout": "Timeout",
    "--start-period": "StartPeriod",
    "--start-interval": "StartInterval",
}
_ONBUILD: Final = re.compile(r"\s*onbuild\s+", re.IGNORECASE)


def docker_fields(
    text: bytes, *, arguments: Mapping[str, str], target: str | None, platform: str, bases: Bases
) -> dict[str, Any]:
    """``Healthcheck``, ``OnBuild`` and ``Shell`` of the image that a Dockerfile makes, those that it has.

    Raises:
        DockerfileError: it cannot be read, or a HEALTHCHECK is wrong.
    """
    stages = read(text, arguments, target or "", platform)
    stage = target_stage(stages, target)
    found = dict[str, Any]()
    for each in _chain(stages, stage, bases, found):
        if each.name == "HEALTHCHECK":
            found["Healthcheck"] = health(each)
        elif each.name == "SHELL" and each.json:
            found["Shell"] = each.args
    onbuild = [_ONBUILD.sub("", each.original, count=1) for each in stage.instructions if each.name == "ONBUILD"]
    return found | ({"OnBuild": onbuild} if onbuild else {})


def _chain(stages: list[Stage], stage: Stage, bases: Bases, found: dict[str, Any]) -> Iterator[DockerfileInstruction]:
    """Every instruction that the image goes through; what the base image has is put into `found` before."""
    chain = [stage]
    while chain[0].base.stage is not None:
        chain.insert(0, stages[chain[0].base.stage])
    base = chain[0].base.name
    config = BaseConfig() if base == SCRATCH else bases(base)
    found.update({"Healthcheck": dict(config.health)} if config.health else {})
    found.update({"Shell": list(config.shell)} if config.shell else {})
    for text in config.triggers:
        yield from parse_trigger(text, "\\", chain[0].base.line)
    for number, each in enumerate(chain):
        yield from triggers(chain[number - 1]) if number else ()
        yield from each.instructions


def health(instruction: DockerfileInstruction) -> dict[str, Any]:
    """A HEALTHCHECK as Docker records it, durations in nanoseconds.

    Raises:
        DockerfileError: it is neither NONE nor a command, or an option is wrong.
    """
    line = instruction.start_line
    kind, command = (instruction.args[0].upper() if instruction.args else ""), instruction.args[1:]
    if kind == "NONE" and not command:
        return {"Test": ["NONE"]}
    if kind != "CMD" or not command:
        raise DockerfileError("HEALTHCHECK is HEALTHCHECK NONE or HEALTHCHECK CMD command", line)
    found: dict[str, Any] = {"Test": ["CMD", *command] if instruction.json else ["CMD-SHELL", *command]}
    for flag in instruction.flags:
        name, _, value = flag.partition("=")
        if name == "--retries" and value.isascii() and value.isdigit():
            found["Retries"] = int(value)
        elif name in _PAUSES and (pause := _nanoseconds(value)) is not None:
            found[_PAUSES[name]] = pause
        else:
            raise DockerfileError(f"HEALTHCHECK {flag[:100]}: options are like --interval=30s or --retries=3", line)
    return {name: value for name, value in found.items() if value != 0}


def _nanoseconds(text: str) -> int | None:
    """A duration in Go's form, such as 1m30s; None when it is none."""
    parts = _DURATION.findall(text)
    if text == "0":
        return 0
    if not parts or "".join(map("".join, parts)) != text:
        return None
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts))
