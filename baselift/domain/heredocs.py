"""Here-documents as any builder can have them: in RUN as a word of JSON, in COPY and ADD and as scripts as files.

Rules are BuildKit's ``dockerfile2llb``: a RUN that is nothing but a here-document runs its text, as a file when it
begins with ``#!``; in any other RUN the shell reads it. In COPY and ADD the builder itself expands variables, and
quotes are characters like any other.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from e2b_dockerfile_utils import DockerfileHeredoc, DockerfileInstruction, parse_heredoc

from baselift.domain.expansion import Expander, ExpansionError
from baselift.domain.stages import DockerfileError
from baselift.domain.variables import Scope

MOUNTED: Final = "/run/heredocs"
"""Where a script is while its RUN runs."""
_ARGUMENT: Final = 128 * 1024
_LINE: Final = 60_000
_NAME: Final = re.compile(r"[\w.+@%=:,~-]+", re.ASCII)
_DOTS: Final = frozenset({".", ".."})
_BREAK: Final = re.compile(r"[a-z0-9](?=[a-z0-9])")
_HEAD: Final = re.compile(r"\s*(\w+)((?:\s+--\S+)*)\s+(.*)", re.DOTALL)
_LINK: Final = re.compile(r"--link(=.*)?")
_QUOTE: Final = re.compile("['\"]")
_TABS: Final = re.compile(rb"^\t+", re.MULTILINE)
_OF_THE_COPY: Final = ("--chown=", "--chmod=")


@dataclass(frozen=True, slots=True)
class Inline:
    """A file that stood in a Dockerfile; `path` is relative to the build context that has all such files."""

    path: str
    content: bytes
    mode: int = 0o644


class Folder:
    """The build context, called `name`, of what is not in the source; each file has a directory of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: list[Inline] = []
        self._count = 0

    def place(self, name: str, line: int) -> str:
        """A path for a new file.

        Raises:
            DockerfileError: a builder could not copy a file of this name.
        """
        if not _NAME.fullmatch(name) or name in _DOTS:
            raise DockerfileError(
                f"a file cannot be called '{name[:100]}' here; use letters, digits, '.', '_' and '-'", line
            )
        self._count += 1
        return f"{self._count}/{name}"

    def add(self, name: str, content: bytes, line: int, mode: int = 0o644) -> str:
        """A new file; its path.

        Raises:
            DockerfileError: see `place`.
        """
        path = self.place(name, line)
        self.files.append(Inline(path, content, mode))
        return path


@dataclass(frozen=True, slots=True)
class Head:
    """An instruction as one line, taken apart without interpreting it; without ``--link``, which changes no file."""

    name: str
    flags: tuple[str, ...]
    rest: str

    def line(self, *flags: str, rest: str | None = None) -> str:
        """The instruction with other flags."""
        return " ".join((self.name, *flags, self.rest if rest is None else rest))


def head(instruction: DockerfileInstruction) -> Head:
    """The words of an instruction that has arguments.

    Raises:
        DockerfileError: a flag has blanks in it.
    """
    matched = _HEAD.fullmatch(instruction.original.rstrip())
    flags = tuple(matched[2].split()) if matched else ()
    if matched is None or [_QUOTE.sub("", flag) for flag in flags] != instruction.flags:
        raise DockerfileError(
            "a flag with blanks or escapes cannot be read here; leave them out", instruction.start_line
        )
    return Head(instruction.name, tuple(flag for flag in flags if not _LINK.fullmatch(flag)), matched[3])


def run(instruction: DockerfileInstruction, lines: Sequence[bytes], scope: Scope, folder: Folder, escape: str) -> str:
    """A RUN with here-documents as one without, of several lines when it is long.

    Raises:
        DockerfileError: no builder could run it.
    """
    taken, bodies, line = head(instruction), _bodies(instruction, lines), instruction.start_line
    first = instruction.heredocs[0]
    if parse_heredoc(taken.rest) is None:
        text = "".join(
            f"\n{_text(body, line)}{each.name}" for each, body in zip(instruction.heredocs, bodies, strict=True)
        )
        return _shell(taken, scope, taken.rest + text, escape, line)
    body = _without_tabs(first, bodies[0])
    if not bodies[0].startswith(b"#!"):
        return _shell(taken, scope, _text(body, line), escape, line)
    path = folder.add(first.name, body, line, 0o755)
    mount = f"--mount=type=bind,from={folder.name},source={path.partition('/')[0]},target={MOUNTED}"
    return taken.line(mount, *taken.flags, rest=f"{MOUNTED}/{first.name}")


def copy(instruction: DockerfileInstruction, lines: Sequence[bytes], scope: Scope, folder: Folder) -> list[str]:
    """A COPY or ADD with here-documents: the copy of its other files, if it has any, and that of their files.

    Raises:
        DockerfileError: it has no target for several files, or its text cannot be expanded.
    """
    taken, line = head(instruction), instruction.start_line
    *sources, target = instruction.args
    if parse_heredoc(target):
        raise DockerfileError(f"{taken.name} has a here-document as its target; a path belongs at the end", line)
    check_target(sources, target, scope, line)
    # A name that is used twice has the last text: BuildKit looks texts up by their names.
    texts = {each.name: body for each, body in zip(instruction.heredocs, _bodies(instruction, lines), strict=True)}
    documents = [found for found in map(parse_heredoc, sources) if found]
    paths = [folder.add(each.name, _content(each, texts[each.name], scope, line), line) for each in documents]
    others = [word for word in sources if not parse_heredoc(word)]
    copies = [taken.line(*taken.flags, rest=" ".join((*others, target)))] if others else []
    return [*copies, copy_line(taken.flags, folder, " ".join((*paths, target)))]


def copy_line(flags: Sequence[str], folder: Folder, rest: str) -> str:
    """The COPY of files of the folder, with those of an instruction's flags that are about what it writes."""
    kept = [flag for flag in flags if flag.startswith(_OF_THE_COPY)]
    return " ".join(("COPY", f"--from={folder.name}", *kept, rest))


def check_target(sources: Sequence[str], target: str, scope: Scope, line: int) -> None:
    """Refuse several files for a target that is no directory: copied one by one, each would replace the one before.

    Raises:
        DockerfileError: the target does not end in a slash.
    """
    place = scope.expand(target, line)
    if len(sources) > 1 and not (place.endswith("/") or place.rpartition("/")[2] in _DOTS):
        raise DockerfileError(f"several files need a directory as their target: '{target[:100]}/'", line)


def _bodies(instruction: DockerfileInstruction, lines: Sequence[bytes]) -> list[bytes]:
    """The text of each here-document, byte by byte."""
    found, end = list[bytes](), instruction.end_line
    for each in reversed(instruction.heredocs):
        begin = end - 1 - each.content.count("\n")
        found.insert(0, b"".join(lines[begin : end - 1]))
        end = begin
    return found


def _without_tabs(document: DockerfileHeredoc, body: bytes) -> bytes:
    return _TABS.sub(b"", body) if document.chomp else body


def _text(body: bytes, line: int) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise DockerfileError("a here-document of a RUN must be UTF-8; COPY takes any bytes", line) from None


def _content(document: DockerfileHeredoc, body: bytes, scope: Scope, line: int) -> bytes:
    body = _without_tabs(document, body)
    if not document.expand:
        return body
    text = body.decode("utf-8", "surrogateescape")
    try:
        return Expander(quotes=False).expand(text, scope).encode("utf-8", "surrogateescape")
    except ExpansionError as error:
        raise DockerfileError(
            f"here-document {document.name}: {error}; with <<'{document.name}' it is not expanded", line
        ) from None


def _shell(taken: Head, scope: Scope, text: str, escape: str, line: int) -> str:
    if len(text.encode()) >= _ARGUMENT:
        raise DockerfileError(f"a here-document of a RUN must be shorter than {_ARGUMENT} bytes; COPY the script", line)
    # No parser may see the beginning of a here-document in it.
    words = json.dumps([*scope.shell, text], ensure_ascii=False).replace("<<", "<\\u003c")
    return _broken(taken.line(*taken.flags, rest=words), escape, line)


def _broken(text: str, escape: str, line: int) -> str:
    """Over several lines, where one would be too long for buildah's parser."""
    pieces = list[str]()
    while len(text.encode()) > _LINE:
        place = next((found.end() for found in _BREAK.finditer(text, _LINE // 8)), 0)
        if not 0 < place < _LINE // 4:
            raise DockerfileError("a here-document with such a long line cannot be run; COPY the script", line)
        pieces.append(text[:place])
        text = text[place:]
    return f"{escape}\n".join([*pieces, text])
