"""The stages of a Dockerfile and what each takes from where: FROM, COPY --from, RUN --mount=from.

Parsing is `e2b_dockerfile_utils`, a port of BuildKit's parser; scopes and names are BuildKit's ``dockerfile2llb``.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from e2b_dockerfile_utils import DockerfileInstruction, DockerfileSyntaxError

from baselift.domain.expansion import Expander, ExpansionError
from baselift.domain.instructions import parse
from baselift.domain.platforms import platform_arguments

SIZE: Final = 1 << 20
STAGES: Final = 1000
_MESSAGE: Final = 1000
_DIRECTIVE_LENGTH: Final = 1024
_DIRECTIVE_LINES: Final = 5
_STAGE_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*")
_PLATFORM: Final = re.compile(r"[A-Za-z0-9_.-]+(?:\([A-Za-z0-9_.+-]*\))?(?:/[A-Za-z0-9_.-]+){0,2}")
_VARIABLE: Final = re.compile(r"\$.")


class DockerfileError(ValueError):
    """The Dockerfile cannot be read; the message has the line, when there is one, and what would be right."""

    def __init__(self, message: str, line: int | None = None) -> None:
        message = message if len(message) <= _MESSAGE else f"{message[:_MESSAGE]}…"
        super().__init__(message if line is None else f"Dockerfile line {line}: {message}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Source:
    """Where a stage takes files from: another stage, by its position, or the image called `name`."""

    name: str
    line: int
    stage: int | None = None


@dataclass(frozen=True, slots=True)
class Globals:
    """What all stages of a Dockerfile share: the values of its global arguments, and its escape character."""

    values: Mapping[str, str]
    escape: str


@dataclass(slots=True)
class Stage:
    """One FROM and what follows it.

    `name` is in lower case or empty. `copies` are what its own COPY and RUN take from elsewhere, `inherited` what the
    ONBUILD instructions of the stage of this file that it builds on take.
    """

    index: int
    name: str
    base: Source
    shared: Globals
    instructions: list[DockerfileInstruction] = field(default_factory=list)
    copies: tuple[Source, ...] = ()
    inherited: tuple[Source, ...] = ()


def read(text: str | bytes, arguments: Mapping[str, str], target: str, platform: str) -> list[Stage]:
    """Parse a Dockerfile into its stages, at least one.

    Raises:
        DockerfileError: see `DockerfileError`.
    """
    instructions, escape = _parsed(_checked(text))
    scope = platform_arguments(platform, arguments)
    if scope is None:
        raise DockerfileError(f"platform '{platform}' is not os/architecture[/variant], for example linux/arm64")
    if not target:
        target = next((_written_name(each) for each in reversed(instructions) if each.name == "FROM"), "")
    scope["TARGETSTAGE"] = arguments.get("TARGETSTAGE", target or "default")
    stages = _stages(instructions, _Scope(Expander(escape), scope, arguments))
    names = {stage.name: stage.index for stage in stages if stage.name}
    inherited = [_sources(triggers(stage), names, len(stages)) for stage in stages]
    for stage in stages:
        stage.copies = _sources(stage.instructions, names, len(stages))
        stage.inherited = () if stage.base.stage is None else inherited[stage.base.stage]
    return stages


def _checked(text: str | bytes) -> str:
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(data) > SIZE:
        raise DockerfileError(f"the Dockerfile has {len(data)} bytes; at most {SIZE} are read")
    if (place := data.find(0)) >= 0:
        raise DockerfileError("a NUL byte; a Dockerfile is UTF-8 text", data.count(b"\n", 0, place) + 1)
    return _short_directives(data.decode("utf-8", "replace"))


def _short_directives(text: str) -> str:
    # The parser looks for directives (escape, syntax, check) in the comments at the top with an expression whose cost
    # grows with the square of the line. Each directive may stand once, so no more than the first lines count.
    lines = text.split("\n", _DIRECTIVE_LINES)
    for number, line in enumerate(lines[:_DIRECTIVE_LINES]):
        if len(line) > _DIRECTIVE_LENGTH and line.lstrip("\ufeff").lstrip().startswith("#"):
            lines[number] = "#"
    return "\n".join(lines)


def _parsed(text: str) -> tuple[list[DockerfileInstruction], str]:
    try:
        tree = parse(text)
    except DockerfileSyntaxError as error:
        message = str(error).partition(": ")[2] or str(error)
        raise DockerfileError(f"{message}; see the Dockerfile reference", error.line) from None
    except RecursionError:
        raise DockerfileError("an instruction is nested too deeply; write it with fewer brackets") from None
    return tree.instructions, tree.escape_token


@dataclass(slots=True)
class _Scope:
    expander: Expander
    values: dict[str, str]
    arguments: Mapping[str, str]

    def expand(self, word: str, line: int) -> str:
        try:
            return self.expander.expand(word, self.values)
        except ExpansionError as error:
            raise DockerfileError(f"'{_short(word)}': {error}", line) from None

    def declare(self, instruction: DockerfileInstruction) -> None:
        if not instruction.args:
            raise DockerfileError("ARG needs a name: ARG NAME or ARG NAME=default", instruction.start_line)
        for word in instruction.args:
            name, given, default = word.partition("=")
            if not name:
                raise DockerfileError(f"ARG '{_short(word)}' has no name: ARG NAME=default", instruction.start_line)
            if name in self.arguments:
                self.values[name] = self.arguments[name]
            elif given:
                self.values[name] = self.expand(default, instruction.start_line)


def _stages(instructions: Sequence[DockerfileInstruction], scope: _Scope) -> list[Stage]:
    stages: list[Stage] = []
    names: dict[str, int] = {}
    for instruction in instructions:
        if instruction.name == "FROM":
            stage = _stage(instruction, len(stages), scope, names)
            stages.append(stage)
            if len(stages) > STAGES:
                raise DockerfileError(f"more than {STAGES} stages; split the Dockerfile", stage.base.line)
            if stage.name:
                names[stage.name] = stage.index
        elif stages:
            stages[-1].instructions.append(instruction)
        elif instruction.name == "ARG":
            scope.declare(instruction)
        else:
            raise DockerfileError(
                f"{instruction.name} before the first FROM; only ARG may stand there", instruction.start_line
            )
    if not stages:
        raise DockerfileError("no FROM: a Dockerfile needs at least one, for example FROM scratch")
    return stages


def _stage(instruction: DockerfileInstruction, index: int, scope: _Scope, names: Mapping[str, int]) -> Stage:
    line, words = instruction.start_line, instruction.args
    if len(words) != 1 and not (len(words) == 3 and words[1].lower() == "as"):  # noqa: PLR2004 - FROM image AS name
        raise DockerfileError(f"'FROM {_short(' '.join(words))}' is not FROM image or FROM image AS name", line)
    name = _written_name(instruction)
    if len(words) > 1 and not _STAGE_NAME.fullmatch(name):
        raise DockerfileError(f"stage name '{_short(words[2])}' must be a letter, then letters, digits, _ . -", line)
    _check_platform(instruction, scope)
    base = scope.expand(words[0], line)
    if not base:
        raise DockerfileError(
            f"'FROM {_short(words[0])}' names no image: a variable is unset (only ARG before the first FROM counts)",
            line,
        )
    shared = Globals(scope.values, scope.expander.escape)
    return Stage(index, name, Source(base, line, names.get(base.lower())), shared)


def _written_name(instruction: DockerfileInstruction) -> str:
    return instruction.args[2].lower() if len(instruction.args) > 2 else ""  # noqa: PLR2004 - FROM image AS name


def _check_platform(instruction: DockerfileInstruction, scope: _Scope) -> None:
    line = instruction.start_line
    for flag in instruction.flags:
        name, _, value = flag.partition("=")
        if name != "--platform":
            raise DockerfileError(
                f"FROM has no flag '{_short(name)}'; --platform=os/architecture is the only one", line
            )
        if not value:  # as BuildKit: the same as no flag
            continue
        platform = scope.expand(value, line)
        if not _PLATFORM.fullmatch(platform):
            raise DockerfileError(f"platform '{_short(platform)}' is not os/architecture[/variant]", line)


def triggers(stage: Stage) -> list[DockerfileInstruction]:
    """The instructions that a stage put into ONBUILD for those that build on it."""
    found: list[DockerfileInstruction] = []
    for instruction in stage.instructions:
        if instruction.name == "ONBUILD":
            trigger = re.sub(r"^\s*onbuild\s*", "", instruction.original, flags=re.IGNORECASE)
            for each in parse_trigger(trigger, stage.shared.escape, instruction.start_line):
                each.end_line = instruction.end_line
                found.append(each)
    return found


def parse_trigger(text: str, escape: str, line: int) -> Iterator[DockerfileInstruction]:
    """The instructions of an ONBUILD, as if they stood in this line; below it the texts of its here-documents.

    Raises:
        DockerfileError: they do not parse.
    """
    try:
        parsed, _ = _parsed(f"# escape={escape}\n{text}\n")
    except DockerfileError as error:
        raise DockerfileError(f"ONBUILD: {error}", line) from None
    for instruction in parsed:
        instruction.start_line = line
        yield instruction


def _sources(instructions: Sequence[DockerfileInstruction], names: Mapping[str, int], count: int) -> tuple[Source, ...]:
    found: dict[int | str, Source] = {}
    for instruction in instructions:
        for name in origins(instruction):
            line = instruction.start_line
            if _VARIABLE.search(name):
                raise DockerfileError(
                    f"--from '{_short(name)}': variables are not expanded here; "
                    "name a stage with FROM that uses a global ARG, and copy from that stage",
                    line,
                )
            stage = stage_index(name, names, count, line)
            found.setdefault(name if stage is None else stage, Source(name, line, stage))
    return tuple(found.values())


def stage_index(name: str, names: Mapping[str, int], count: int, line: int) -> int | None:
    """Which of `count` stages a ``--from`` means, by `names` in lower case or by number; None: no stage.

    Raises:
        DockerfileError: it is a number of none.
    """
    if name.lower() in names:
        return names[name.lower()]
    if not re.fullmatch(r"[+-]?[0-9]+", name):
        return None
    index = int(name) if len(name) < 7 else count  # noqa: PLR2004 - int() refuses thousands of digits
    if not 0 <= index < count:
        raise DockerfileError(f"stage {_short(name)} does not exist; stages are 0 to {count - 1}", line)
    return index


def origins(instruction: DockerfileInstruction) -> Iterator[str]:
    """What a COPY or RUN takes files from, as written: a stage or an image.

    Raises:
        DockerfileError: a mount that cannot be read.
    """
    for flag in instruction.flags:
        name, _, value = flag.partition("=")
        if (instruction.name, name) == ("COPY", "--from") and value:
            yield value
        if (instruction.name, name) == ("RUN", "--mount"):
            yield from _mount_origin(value, instruction.start_line)


def mount_options(value: str, line: int) -> dict[str, str]:
    """The options of a RUN's ``--mount=value``, by name in lower case; one that stands alone is empty.

    Raises:
        DockerfileError: they cannot be read.
    """
    try:
        fields = next(csv.reader([value], strict=True), [])
    except csv.Error as error:
        raise DockerfileError(
            f"--mount={_short(value)}: {error}; options are key=value, joined by commas", line
        ) from None
    return {key.lower(): option for key, _, option in (field.partition("=") for field in fields)}


def _mount_origin(value: str, line: int) -> Iterator[str]:
    options = mount_options(value, line)
    # A mount of memory, a secret or an agent's socket holds nothing of an image.
    if options.get("from") and options.get("type", "bind").lower() not in ("tmpfs", "secret", "ssh"):
        yield options["from"]


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}…"  # noqa: PLR2004 - a line of a message
