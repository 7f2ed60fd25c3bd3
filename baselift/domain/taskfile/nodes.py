"""YAML as a tree that knows its lines, read from PyYAML's events.

The tree is ours and not PyYAML's so that its size, its depth and what aliases make of it are bounded while it grows,
and so that scalars keep their text: what they mean is decided by the field that reads them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import yaml

from baselift.domain.taskfile.errors import TaskFileError, shown

MAX_TEXT = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 50
_MAX_DIRECTIVES = 16
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Scalar:
    """Text in a document. `plain` without quotes and tag; `tag` only where one is written."""

    text: str
    line: int
    plain: bool = True
    tag: str | None = None
    weight: int = 1
    depth: int = 1


@dataclass(slots=True)
class Items:
    """A sequence. `weight` counts the nodes below as often as aliases repeat them."""

    line: int
    nodes: "list[Node]" = field(default_factory=list)
    weight: int = 1
    depth: int = 1


@dataclass(slots=True)
class Table:
    """A mapping, in the order of the document, duplicates and merge keys included."""

    line: int
    nodes: "list[Node]" = field(default_factory=list)
    """Key, value, key, value and so on."""
    weight: int = 1
    depth: int = 1

    def pairs(self) -> "Iterator[tuple[Node, Node]]":
        """Keys with their values."""
        return zip(self.nodes[::2], self.nodes[1::2], strict=True)


Node = Scalar | Items | Table


def compose(text: str, lines: Sequence[int] = ()) -> Node | None:
    """The first document of a YAML text; None when there is none.

    Args:
        text: at most 1 MiB characters.
        lines: for each line of `text` its number for messages; without it they count from 1.

    Raises:
        TaskFileError: the text is not YAML 1.1, too large, too deep, or aliases make it so.
    """
    _check_size(text)
    composer = _Composer(lines)
    try:
        return composer.document(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = composer.number(mark.line) if mark else None
        raise TaskFileError(f"this is not YAML: {error.problem or error.context}", line=line) from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, TaskFileError):
            raise
        raise TaskFileError(f"this is not YAML: {_first_line(error)}") from None


def _check_size(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise TaskFileError(f"the YAML has {len(text)} characters; at most {MAX_TEXT} are allowed")
    # The parser compares each directive with all before it.
    if text.count("\n%") > _MAX_DIRECTIVES:
        raise TaskFileError(f"the YAML has more than {_MAX_DIRECTIVES} lines that begin with '%'")


def _first_line(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return f"character {error.object[error.start]!a} cannot be encoded"
    return str(error).partition("\n")[0]


class _Composer:
    """Grows the tree from events, without recursion."""

    def __init__(self, lines: Sequence[int]) -> None:
        self._lines = lines
        self._open: list[tuple[Items | Table, str | None]] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0
        self._root: Node | None = None

    def number(self, line: int) -> int:
        """The line to name for a line of the text, counted from 0."""
        return self._lines[min(line, len(self._lines) - 1)] if self._lines else line + 1

    def document(self, text: str) -> Node | None:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.DocumentEndEvent):
                break
            self._take(event)
        return self._root

    def _take(self, event: yaml.Event) -> None:
        line = self.number(event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.ScalarEvent):
            plain, quoted = event.implicit
            tag = None if plain or quoted else event.tag
            self._add(Scalar(event.value, line, plain and not quoted, tag), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._aliased(event.anchor or "", line), None)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open.append((Items(line), event.anchor))
        elif isinstance(event, yaml.MappingStartEvent):
            self._open.append((Table(line), event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._add(*self._open.pop())
        if len(self._open) > MAX_DEPTH:
            raise _too_deep(line)

    def _aliased(self, anchor: str, line: int) -> Node:
        if anchor not in self._anchors:
            raise TaskFileError(f"alias *{shown(anchor)[1:-1]} names no anchor that is complete before it", line=line)
        return self._anchors[anchor]

    def _add(self, node: Node, anchor: str | None) -> None:
        self._count += 1
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        parent, _ = self._open[-1]
        parent.nodes.append(node)
        parent.weight += node.weight
        parent.depth = max(parent.depth, node.depth + 1)
        if parent.depth > MAX_DEPTH:
            raise _too_deep(parent.line)
        if max(parent.weight, self._count) > MAX_NODES:
            raise TaskFileError(f"the YAML has more than {MAX_NODES} values, aliases counted", line=parent.line)


def _too_deep(line: int) -> TaskFileError:
    return TaskFileError(f"the YAML is nested deeper than {MAX_DEPTH} levels", line=line)
