"""A Dockerfile in the words that every buildah has: what it lacks is said with what it has, where that is exact.

Lines keep their numbers: what becomes shorter is followed by empty lines.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain import heredocs
from baselift.domain.dockerfile import target_stage
from baselift.domain.heredocs import Folder, Inline
from baselift.domain.stage_names import in_lower_case
from baselift.domain.stages import DockerfileError, read
from baselift.domain.variables import SHELL, Bases, Scope, scopes

_FOLDER: Final = "inline"
_LINES: Final = re.compile(rb"[^\n]*\n|[^\n]+$")
_LINK: Final = re.compile(r"--link(=.*)?")
_GIT: Final = re.compile(r"(git@|git://|ssh://).+|https?://[^?#]+\.git([?#].*)?")
_URL: Final = re.compile(r"https?://.+")
_CHECKSUM: Final = re.compile(r"sha256:[0-9a-f]{64}")
# buildah gives these to /bin/sh, whatever SHELL says.
_COMMANDS: Final = frozenset({"CMD", "ENTRYPOINT"})
_LOWERED: Final = _COMMANDS | {"RUN", "COPY", "ADD"}
_UNNAMED: Final = "__unnamed__"


@dataclass(frozen=True, slots=True)
class Download:
    """A file to fetch for an ADD in this `line`, into `path` of the folder, with this `sha256:…` if one is given."""

    url: str
    path: str
    checksum: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Lowered:
    """What to build instead: `text`, with the build context `folder` that has the files and the downloads."""

    text: bytes
    folder: str
    files: tuple[Inline, ...]
    downloads: tuple[Download, ...]
    warnings: tuple[str, ...]


def lower(text: bytes, *, arguments: Mapping[str, str], target: str | None, platform: str, bases: Bases) -> Lowered:
    """Say a Dockerfile with what every buildah has. `bases` is asked only for what must be known.

    Raises:
        DockerfileError: it cannot be read, or not be said exactly; with the line.
    """
    stages = read(text, arguments, target or "", platform)
    if (renamed := in_lower_case(text, stages)) != text:
        text, stages = renamed, read(renamed, arguments, target or "", platform)
    work = _Lowering(text)
    until = target_stage(stages, target).index
    past = {id(each) for stage in stages[until + 1 :] for each in stage.instructions}
    for instruction, scope in scopes(stages, arguments, bases):
        if instruction.name in _LOWERED:
            work.lower(instruction, scope, built=id(instruction) not in past, escape=stages[0].shared.escape)
    return work.done()


class _Lowering:
    def __init__(self, text: bytes) -> None:
        self._lines: list[bytes] = _LINES.findall(text)
        self._new = dict[int, bytes]()
        name = _FOLDER
        while name.encode() in text:
            name += "-files"
        self._folder = Folder(name)
        self._downloads = list[Download]()
        self._warnings = list[str]()

    def done(self) -> Lowered:
        lines = [self._new.get(number, line) for number, line in enumerate(self._lines, 1)]
        return Lowered(
            b"".join(lines),
            self._folder.name,
            tuple(self._folder.files),
            tuple(self._downloads),
            tuple(self._warnings),
        )

    def lower(self, instruction: DockerfileInstruction, scope: Scope, *, built: bool, escape: str) -> None:
        """Do one instruction; `built` is false in a stage after the target."""
        if instruction.name in _COMMANDS:
            if not instruction.json and instruction.args and scope.shell != SHELL:
                words = json.dumps([*scope.shell, *instruction.args], ensure_ascii=False)
                self._replace(instruction, f"{instruction.name} {words}")
            return
        if instruction.name == "RUN":
            if instruction.heredocs:
                self._replace(instruction, heredocs.run(instruction, self._lines, scope, self._folder, escape))
            return
        written = self._copies(instruction, scope, built=built)
        if any(_LINK.fullmatch(flag) for flag in instruction.flags):
            taken = heredocs.head(instruction)
            written = written or [taken.line(*taken.flags)]
            self._warnings.append(
                f"line {instruction.start_line}: --link is left out of {instruction.name}: the files are the same"
            )
        if written:
            self._replace(instruction, *written)

    def _copies(self, instruction: DockerfileInstruction, scope: Scope, *, built: bool) -> Sequence[str]:
        written = self._add(instruction, scope) if instruction.name == "ADD" and built else ()
        if instruction.heredocs and written:
            raise DockerfileError("ADD of a here-document and of an address; write two", instruction.start_line)
        return heredocs.copy(instruction, self._lines, scope, self._folder) if instruction.heredocs else written

    def _add(self, instruction: DockerfileInstruction, scope: Scope) -> Sequence[str]:
        line = instruction.start_line
        *sources, target = instruction.args or [""]
        addresses = {word: scope.expand(word, line) for word in sources}
        remote = [word for word in sources if _URL.fullmatch(addresses[word])]
        if git := next((each for each in addresses.values() if _GIT.fullmatch(each)), None):
            raise DockerfileError(f"ADD of the git repository '{git[:100]}' is not possible; clone it in a RUN", line)
        checksum = _checksum(instruction, scope, sources, remote)
        if not remote:
            return ()
        heredocs.check_target(sources, target, scope, line)
        taken = heredocs.head(instruction)
        paths = [self._download(addresses[word], checksum, line) for word in remote]
        others = [word for word in sources if word not in remote]
        join = json.dumps if instruction.json else " ".join
        copies = [taken.line(*taken.flags, rest=join([*others, target]))] if others else []
        return [*copies, heredocs.copy_line(taken.flags, self._folder, join([*paths, target]))]

    def _download(self, url: str, checksum: str | None, line: int) -> str:
        name = PurePosixPath(unquote(urlsplit(url).path)).name or _UNNAMED
        path = self._folder.place(name, line)
        self._downloads.append(Download(url, path, checksum, line))
        return path

    def _replace(self, instruction: DockerfileInstruction, *written: str) -> None:
        start, end = instruction.start_line, instruction.end_line
        lines = "\n".join(written).encode().split(b"\n")
        for number in range(start, end + 1):
            self._new[number] = (lines.pop(0) if lines else b"") + b"\n"
        self._new[end] += b"".join(each + b"\n" for each in lines)


def _checksum(
    instruction: DockerfileInstruction, scope: Scope, sources: Sequence[str], remote: Sequence[str]
) -> str | None:
    given = [flag.partition("=")[2] for flag in instruction.flags if flag.startswith("--checksum")]
    if not given:
        return None
    if len(sources) != 1 or not remote:
        raise DockerfileError("--checksum is for one address, http:// or https://", instruction.start_line)
    value = scope.expand(given[-1], instruction.start_line)
    if not _CHECKSUM.fullmatch(value):
        raise DockerfileError(
            f"--checksum={value[:100]} is not sha256: and 64 hexadecimal digits", instruction.start_line
        )
    return value
