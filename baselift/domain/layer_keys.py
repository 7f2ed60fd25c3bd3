"""What each layer of a build depends on, said in the Dockerfile itself: a layer is found only where all of it is equal.

buildah looks a layer up by its parent and the text of its instruction. That leaves out variables in all but RUN, files
and stages behind a mount, names and flags of COPY, and what a base image's configuration says. So before each
instruction that depends on such things stands a label with a digest over them. Source: buildah 1.28,
``imagebuildah/stage_executor.go`` (``getCreatedBy``, ``intermediateImageExists``).
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain.dockerfile import target_stage
from baselift.domain.instructions import parse
from baselift.domain.stages import Stage, mount_options, read, stage_index, triggers
from baselift.domain.variables import SCRATCH, Bases, Scope, scopes

LABEL: Final = "io.baselift.layer"
"""Its history entries and values are taken out of the finished image."""
_END: Final = "end"
_LINES: Final = re.compile(rb"[^\n]*\n|[^\n]+$")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://|git@")
# buildah leaves these out of the text that a layer of RUN is found by.
_PROXIES: Final = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"})
_MOUNTS: Final = ("bind", "cache")

Content = Callable[[str, str], str]
"""A digest over the files of a build context that a path, or pattern, may mean; the source's own context is ``""``."""


class NotExactError(Exception):
    """What a layer depends on cannot be known; the message says why."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a build has besides its Dockerfile."""

    arguments: Mapping[str, str]
    target: str | None
    platform: str
    bases: Bases
    images: Mapping[str, str]
    """Each image by its reference after expansion -> ``registry/repository@digest``."""
    contexts: Sequence[str]
    """Names of further build contexts."""
    content: Content
    salt: str
    """What builds layers, and how: another engine shares none with this one."""


def keyed(text: bytes, inputs: Inputs) -> bytes:
    """The Dockerfile with a label before each instruction whose text does not say all that it depends on.

    A label at the target's end makes sure that all before it is kept.

    Raises:
        DockerfileError: it cannot be read.
        NotExactError: see there.
    """
    stages = read(text, inputs.arguments, inputs.target or "", inputs.platform)
    until = target_stage(stages, inputs.target).index
    work = _Keys(inputs, stages[: until + 1])
    places = {id(each): stage.index for stage in stages for each in stage.instructions}
    for instruction, scope in scopes(stages, inputs.arguments, inputs.bases):
        if places[id(instruction)] <= until:
            work.past(places[id(instruction)], instruction, scope)
    lines: list[bytes] = _LINES.findall(text)
    end = _end(text, stages[until])
    last = b"" if not lines or lines[end - 1].endswith(b"\n") else b"\n"
    written = [_label(work.labels.get(number)) + line for number, line in enumerate(lines, 1)]
    return b"".join([*written[:end], last, _label(_END), *written[end:]])


def _label(value: str | None) -> bytes:
    return f"LABEL {LABEL}={value}\n".encode() if value else b""


def _end(text: bytes, stage: Stage) -> int:
    """The last line of a stage."""
    if stage.instructions:
        return int(stage.instructions[-1].end_line)
    found = parse(text.decode("utf-8", "replace")).instructions
    return int([each for each in found if each.name == "FROM"][stage.index].end_line)


@dataclass(slots=True)
class _Keys:
    inputs: Inputs
    stages: Sequence[Stage]
    labels: dict[int, str] = field(default_factory=dict)
    """Line of an instruction -> what the label before it says."""
    _all: dict[int, str] = field(default_factory=dict)
    """Of each stage so far, a digest over all that it depends on."""

    def past(self, index: int, instruction: DockerfileInstruction, scope: Scope) -> None:
        """Take the next instruction of the stages, in order."""
        first = index not in self._all
        stage = self._begun(index)
        unsaid = self._unsaid(instruction, scope, index)
        if first or unsaid is not None:
            parts = [stage] if first else []
            parts += [self.inputs.salt, instruction.original, *(unsaid or ())]
            self.labels[instruction.start_line] = _digest(*parts)
        self._all[index] = _digest(stage, instruction.original, *(unsaid or ()), *_variables(scope))

    def _begun(self, index: int) -> str:
        if index not in self._all:
            proxies = (each for each in self.inputs.arguments.items() if each[0].lower() in _PROXIES)
            parts = [word for pair in sorted(proxies) for word in pair]
            self._all[index] = _digest(self.inputs.salt, self.inputs.platform, self._base(self.stages[index]), *parts)
        return self._all[index]

    def _base(self, stage: Stage) -> str:
        base = stage.base
        if base.stage is not None:
            if triggers(self.stages[base.stage]):
                raise NotExactError(f"line {base.line}: the stage has ONBUILD instructions")
            return self._begun(base.stage)
        if base.name == SCRATCH:
            return SCRATCH
        if self.inputs.bases(base.name).triggers:
            raise NotExactError(f"line {base.line}: the base image has ONBUILD instructions")
        return self.inputs.images[base.name]

    def _unsaid(self, each: DockerfileInstruction, scope: Scope, index: int) -> list[str] | None:
        """What an instruction depends on beyond its text and the layer below; None for nothing."""
        if each.name == "RUN":
            mounts = [flag.partition("=")[2] for flag in each.flags if flag.startswith("--mount")]
            mounted = [part for mount in mounts for part in self._mounted(mount, each.start_line, index)]
            # buildah writes arguments one after the other: with blanks in them, two sets may look alike.
            return [*mounted, *(_variables(scope) if any(" " in value for value in scope.values()) else ())] or None
        variables = _variables(scope) if "$" in each.original else []
        if each.name in ("COPY", "ADD"):
            return [*variables, *self._copied(each, scope, index)]
        return variables or None

    def _copied(self, each: DockerfileInstruction, scope: Scope, index: int) -> list[str]:
        line = each.start_line
        origin = next((flag.partition("=")[2] for flag in each.flags if flag.startswith("--from=")), "")
        sources = [scope.expand(word, line) for word in each.args[:-1]]
        if any(_ADDRESS.match(word) for word in sources):
            raise NotExactError(f"line {line}: {each.name} of an address")
        return [part for source in sources or ["."] for part in self._taken(origin, source, line, index)]

    def _mounted(self, mount: str, line: int, index: int) -> list[str]:
        options = mount_options(mount, line)
        origin, kind = options.get("from", ""), options.get("type", "bind").lower()
        if kind not in _MOUNTS or (kind == "cache" and not origin):
            return []
        path = options.get("source") or options.get("src") or "."
        return self._taken(origin, "." if "$" in path else path, line, index)

    def _taken(self, origin: str, path: str, line: int, index: int) -> list[str]:
        """What is taken from a place: this build's source, a stage, an image or a context."""
        if not origin:
            return [self.inputs.content("", path)]
        names = {stage.name: stage.index for stage in self.stages if stage.name}
        place = stage_index(origin, names, len(self.stages), line)
        if place is not None:
            if place >= index:
                raise NotExactError(f"line {line}: '{origin}' is no earlier stage")
            return [self._begun(place)]
        if origin in self.inputs.contexts:
            return [self.inputs.content(origin, path)]
        if origin not in self.inputs.images:
            raise NotExactError(f"line {line}: what '{origin}' is cannot be known")
        return [self.inputs.images[origin]]


def _variables(scope: Scope) -> list[str]:
    return [word for pair in sorted(scope.items()) for word in pair]


def _digest(*parts: str) -> str:
    found = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        found.update(b"%d:%b" % (len(data), data))
    return found.hexdigest()
