"""The task file as text, before it is a template or YAML: comments, version, the alias block (semantics 2.1).

Nothing here changes the number of lines: a line that is taken away leaves a mark, which `lines` drops at the end. So
errors of the template and of the YAML name the file's own lines.
"""

import re

from baselift.domain.taskfile.errors import TaskFileError

ALIASES_SINCE = "v1.1.0"
_GONE = "#\ue000"
"""A comment to YAML and text to a template; the private character tells it from comments that rendering makes."""
_VERSION = re.compile(r"""^["']?version["']?:(.*)$""", re.MULTILINE)
_ALIAS = re.compile(r"""["']?alias["']?[ \t]*:""")
_PREFIX = re.compile(r" *(?:[-?] +)*")
_BLOCK = re.compile(r"(?:^|[:?-] +|--- )(?:[!&]\S* +)*([|>])(?:[+-]?([1-9])?[+-]?)[ \t]*(?:[ \t]#.*)?$")
_LOOKED_AT = 200
"""Characters at a line's end that can hold a block scalar's header: a bound on the search."""


def without_comments(text: str) -> tuple[str, int]:
    """The text without its comment lines, and the number of lines kept that begin with ``#``.

    Those stand in literal blocks (``|``), where they are content: ``#!/bin/sh``. ACR's engine drops them. In folded
    blocks (``>``) they go, for there the rest of the command would become a part of the comment.
    """
    kept, found, blocks = 0, [], _Blocks()
    for line in text.split("\n"):
        content = blocks.literal(line)
        comment = line.lstrip().startswith("#")
        kept += comment and content
        found.append(_GONE if comment and not content else line)
    return "\n".join(found), kept


def version(text: str) -> str:
    """The version as ACR's engine reads it from the first line that begins so; it decides only about aliases."""
    match = _VERSION.search(text)
    return match[1].strip(" \t\r\"'") if match else ""


def has_aliases(text: str) -> bool:
    """True when there is a top-level alias block."""
    return any(_ALIAS.match(line) for line in text.split("\n"))


def cut_aliases(text: str) -> tuple[str, str]:
    """The top-level alias block and the rest, each with as many lines as the text.

    Raises:
        TaskFileError: there are two such blocks.
    """
    block, rest, inside, begun = [], [], False, 0
    for number, line in enumerate(text.split("\n"), 1):
        if _ALIAS.match(line):
            if begun:
                raise TaskFileError(f"alias is already given in line {begun}", line=number)
            inside, begun = True, number
        elif line and line[0] not in " \t\r}]" and line != _GONE:
            inside = False
        block.append(line if inside else _GONE)
        rest.append(_GONE if inside else line)
    return "\n".join(block), "\n".join(rest)


def lines(text: str) -> tuple[str, list[int]]:
    """The text without the marks, and the number of each line that is left."""
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.lstrip() != _GONE]
    return "\n".join(line for _, line in numbered), [number for number, _ in numbered]


class _Blocks:
    """Follows block scalars (``|`` and ``>``) line by line."""

    def __init__(self) -> None:
        self._parent: int | None = None
        """Indent that the content must exceed; None outside of block scalars."""
        self._indent: int | None = None
        """Indent of the content, once it is known."""
        self._literal = False

    def literal(self, line: str) -> bool:
        """True when the line is content of a literal block."""
        if self._parent is not None:
            if self._continues(line):
                return self._literal
            self._parent = None
        self._open(line)
        return False

    def _continues(self, line: str) -> bool:
        body = line.lstrip(" ")
        # An action at the margin of a template is not the end of the text around it.
        if not body.strip() or body.startswith("{{"):
            return True
        indent = len(line) - len(body)
        if self._indent is None and self._parent is not None and indent > self._parent:
            self._indent = indent
        return self._indent is not None and indent >= self._indent

    def _open(self, line: str) -> None:
        header = _BLOCK.search(line.rstrip("\r")[-_LOOKED_AT:])
        if header is None or line.lstrip().startswith("#"):
            return
        self._parent = _parent(line)
        self._literal = header[1] == "|"
        self._indent = max(self._parent, 0) + int(header[2]) if header[2] else None


def _parent(line: str) -> int:
    """The indent of the node that a header belongs to: of its key, or of the dash before it."""
    prefix = _match_length(_PREFIX, line)
    if line[prefix : prefix + 1] in ("|", ">", "!", "&"):
        return max(line.rfind("-", 0, prefix), line.rfind("?", 0, prefix))
    return -1 if line.startswith("---") else prefix


def _match_length(pattern: re.Pattern[str], line: str) -> int:
    match = pattern.match(line)
    return match.end() if match else 0
