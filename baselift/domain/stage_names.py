"""A Dockerfile whose stages are called in lower case, where they are made and where they are used.

Docker minds no case in them, and buildah does.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain.stages import Stage, triggers

_LONGEST: Final = 64
"""Lines of the start of an instruction, which has what names a stage: a bound on the search."""
_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+$")
_BLANK: Final = r"(?:\s|[\\`]\r?\n)+"
_IMAGE: Final = re.compile(rf"(FROM{_BLANK}(?:--\S+{_BLANK})*)(\S+)", re.IGNORECASE)
_NAME: Final = re.compile(rf"(FROM{_BLANK}(?:--\S+{_BLANK})*\S+{_BLANK}AS{_BLANK})(\S+)", re.IGNORECASE)
_ORIGIN: Final = re.compile(r"((?:^--|[=,\"'])from=)([^\s,\"']+)", re.IGNORECASE)


def in_lower_case(text: bytes, stages: Sequence[Stage]) -> bytes:
    """The text with the same lines; `stages` are what it was read as."""
    lines: list[str] = _LINES.findall(text.decode("utf-8", "surrogateescape"))
    names = {stage.name for stage in stages if stage.name}
    for stage in stages:
        used = stage.base.stage
        if used is not None and stages[used].name:
            _replace(lines, stage.base.line, _IMAGE, stages[used].name)
        if stage.name:
            _replace(lines, stage.base.line, _NAME, stage.name)
        for line, flag, lowered in _flags((*stage.instructions, *triggers(stage)), names):
            _replace(lines, line, re.compile(f"()({re.escape(flag)})"), lowered)
    return "".join(lines).encode("utf-8", "surrogateescape")


def _flags(instructions: Sequence[DockerfileInstruction], names: set[str]) -> Iterator[tuple[int, str, str]]:
    for instruction in instructions:
        for flag in instruction.flags if instruction.name in ("COPY", "RUN") else ():
            lowered = _ORIGIN.sub(lambda found: found[1] + _stage(found[2], names), flag)
            if lowered != flag:
                yield instruction.start_line, flag, lowered


def _stage(name: str, names: set[str]) -> str:
    return name.lower() if name.lower() in names else name


def _replace(lines: list[str], line: int, pattern: re.Pattern[str], word: str) -> None:
    window = slice(line - 1, line - 1 + _LONGEST)
    rest = "".join(lines[window])
    lines[window] = _LINES.findall(pattern.sub(lambda found: found[1] + word, rest, count=1))
