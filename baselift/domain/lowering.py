"""A Dockerfile in the words that every buildah has: what it lacks is said with what it has, where that is exact.

Lines keep their numbers where no ONBUILD of the file takes effect: what becomes shorter is followed by empty lines.
"""

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from e2b_dockerfile_utils import DockerfileInstruction

from baselift.domain import heredocs
from baselift.domain.dockerfile import reachable, target_stage
from baselift.domain.heredocs import Folder, Inline
from baselift.domain.stage_names import in_lower_case
from baselift.domain.stages import SIZE, DockerfileError, Stage, mount_options, read
from baselift.domain.variables import SHELL, BaseConfig, Bases, Scope, scopes, trigger_scopes

_FOLDER: Final = "inline"
_LINES: Final = re.compile(rb"[^\n]*\n|[^\n]+$")
_LINK: Final = re.compile(r"--link(=.*)?")
_GIT: Final = re.compile(r"(git@|git://|ssh://).+|https?://[^?#]+\.git([?#].*)?")
_URL: Final = re.compile(r"https?://.+")
_CHECKSUM: Final = re.compile(r"sha256:[0-9a-f]{64}")
# buildah gives these to /bin/sh, whatever SHELL says.
_COMMANDS: Final = frozenset({"CMD", "ENTRYPOINT"})
_FILES: Final = frozenset({"COPY", "ADD"})
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
    needed = reachable(stages, target_stage(stages, target))
    known = {stage.base.name for stage in needed}
    work = _Lowering(text, {each.index for each in needed}, stages[0].shared.escape)
    work.all(stages, arguments, lambda name: bases(name) if name in known else BaseConfig())
    return work.done()


class _Lowering:
    """`needed` are the indexes of the stages that are built."""

    def __init__(self, text: bytes, needed: AbstractSet[int], escape: str) -> None:
        self._lines: list[bytes] = _LINES.findall(text)
        self._needed, self._escape = needed, escape
        self._new = dict[int, bytes]()
        self._before = dict[int, list[str]]()
        name = _FOLDER
        while name.encode() in text:
            name += "-files"
        self._folder = Folder(name)
        self._downloads = list[Download]()
        self._warnings = list[str]()

    def done(self) -> Lowered:
        lines = [self._line(number) for number in range(1, len(self._lines) + 2)]
        return Lowered(
            b"".join(lines),
            self._folder.name,
            tuple(self._folder.files),
            tuple(self._downloads),
            tuple(self._warnings),
        )

    def all(self, stages: Sequence[Stage], arguments: Mapping[str, str], bases: Bases) -> None:
        """Do every instruction. What an ONBUILD does to stages of this file is written into them.

        buildah runs it there too, but builds no stage that nothing else needs.
        """
        owners = {id(each): stage for stage in stages for each in stage.instructions}
        used = dict[int | None, list[Stage]]()
        for stage in stages:
            used.setdefault(stage.base.stage, []).append(stage)
        for instruction, scope in scopes(stages, arguments, bases):
            stage = owners[id(instruction)]
            if instruction.name == "ONBUILD":
                if stage.index in used or "\n" in instruction.original:
                    self._replace(instruction)
            elif written := self._written(instruction, scope, built=stage.index in self._needed):
                self._replace(instruction, *written)
        size = 0
        for index, trigger, scope in trigger_scopes(stages, arguments, bases):
            above = used[index]
            built = any(stage.index in self._needed for stage in above)
            written = self._written(trigger, scope, built=built) or [trigger.original]
            size += len(above) * sum(map(len, written))
            if size > SIZE:
                raise DockerfileError(f"ONBUILD brings more than {SIZE} bytes into other stages", trigger.start_line)
            for stage in above:
                self._before.setdefault(self._first_line(stages, stage), []).extend(written)

    def _first_line(self, stages: Sequence[Stage], stage: Stage) -> int:
        """The line below a FROM from which on something else may stand."""
        following = (each.base.line for each in stages[stage.index + 1 :])
        return next((each.start_line for each in stage.instructions), next(following, len(self._lines) + 1))

    def _line(self, number: int) -> bytes:
        line = self._new.get(number, b"".join(self._lines[number - 1 : number]))
        before = "".join(f"{each}\n" for each in self._before.get(number, ())).encode()
        # The last line may have no end.
        return b"\n" * bool(before and number > len(self._lines) and self._lines[-1][-1:] != b"\n") + before + line

    def _written(self, instruction: DockerfileInstruction, scope: Scope, *, built: bool) -> Sequence[str]:
        """Lines to write in place of an instruction, none to leave it; what is not `built` fetches nothing."""
        if instruction.name in _COMMANDS:
            return self._command(instruction, scope)
        if instruction.name == "RUN":
            if built:
                self._warn_of_writable(instruction)
            texts = instruction.heredocs
            return [heredocs.run(instruction, self._lines, scope, self._folder, self._escape)] if texts else ()
        return self._files(instruction, scope, built=built) if instruction.name in _FILES else ()

    def _warn_of_writable(self, instruction: DockerfileInstruction) -> None:
        line = instruction.start_line
        mounts = [flag.partition("=")[2] for flag in instruction.flags if flag.startswith("--mount=")]
        if any(_is_writable(mount_options(mount, line)) for mount in mounts):
            self._warnings.append(f"line {line}: what RUN writes to its bind mount may be there for what follows, too")

    def _command(self, instruction: DockerfileInstruction, scope: Scope) -> Sequence[str]:
        if instruction.json or not instruction.args or scope.shell == SHELL:
            return ()
        return [f"{instruction.name} {json.dumps([*scope.shell, *instruction.args], ensure_ascii=False)}"]

    def _files(self, instruction: DockerfileInstruction, scope: Scope, *, built: bool) -> Sequence[str]:
        written = self._copies(instruction, scope, built=built)
        if any(_LINK.fullmatch(flag) for flag in instruction.flags):
            taken = heredocs.head(instruction)
            written = written or [taken.line(*taken.flags)]
            self._warnings.append(
                f"line {instruction.start_line}: --link is left out of {instruction.name}: the files are the same"
            )
        return written

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


def _is_writable(mount: Mapping[str, str]) -> bool:
    said = {mount.get("rw"), mount.get("readwrite")} & {"", "true"} or "false" in (
        mount.get("ro"),
        mount.get("readonly"),
    )
    return bool(said) and mount.get("type", "bind").lower() == "bind"


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
