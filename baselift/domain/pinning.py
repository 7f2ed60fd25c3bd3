"""A Dockerfile with its base images written as digests, for an engine that takes no pins beside it.

Lines keep their numbers. Only what names an image is replaced: the word after FROM, and `from` in COPY and in mounts.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain.dockerfile import target_stage
from baselift.domain.stages import DockerfileError, Stage, read, triggers

_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+$")


def pinned(
    text: bytes, *, arguments: Mapping[str, str], target: str | None, platform: str, pins: Mapping[str, str]
) -> bytes:
    """Write each image of `pins` (as it is after expansion -> ``registry/repository@digest``) by its digest.

    Raises:
        DockerfileError: it cannot be read, or an image is written in a way that cannot be replaced.
    """
    stages = read(text, arguments, target or "", platform)
    work = _Pinning(text.decode("utf-8", "surrogateescape"), pins)
    for stage in stages[: target_stage(stages, target).index + 1]:
        work.base(stage)
        for instruction in (*stage.instructions, *triggers(stage)):
            work.origins(instruction)
    return work.done()


class _Pinning:
    def __init__(self, text: str, pins: Mapping[str, str]) -> None:
        self._lines: list[str] = _LINES.findall(text)
        self._pins = pins

    def done(self) -> bytes:
        return "".join(self._lines).encode("utf-8", "surrogateescape")

    def base(self, stage: Stage) -> None:
        """Pin the image of a FROM; one that builds on a stage, or on nothing, stays."""
        pin = self._pins.get(stage.base.name) if stage.base.stage is None else None
        if pin is not None:
            self._replace(stage.base.line, r"(FROM(?:\s|\\\n)+(?:--\S+(?:\s|\\\n)+)*)(\S+)", pin)

    def origins(self, instruction: DockerfileInstruction) -> None:
        """Pin what a COPY or a mount takes from an image."""
        for flag in instruction.flags:
            for name in _images(flag, self._pins):
                self._replace(
                    instruction.start_line,
                    rf"((?:--from=|\bfrom=)[\"']?)({re.escape(name)})(?=[\s,\"']|$)",
                    self._pins[name],
                )

    def _replace(self, line: int, pattern: str, pin: str) -> None:
        rest = "".join(self._lines[line - 1 :])
        changed, count = re.subn(pattern, lambda found: found[1] + pin, rest, count=1, flags=re.IGNORECASE)
        if not count:
            raise DockerfileError("an image is written in a way that cannot be replaced by its digest", line)
        self._lines[line - 1 :] = _LINES.findall(changed)


def _images(flag: str, pins: Mapping[str, str]) -> Sequence[str]:
    name, _, value = flag.partition("=")
    if name == "--from":
        return [value] if value in pins else []
    options = (option.partition("=") for option in value.split(",")) if name == "--mount" else ()
    return [given for key, _, given in options if key.lower() == "from" and given in pins]
