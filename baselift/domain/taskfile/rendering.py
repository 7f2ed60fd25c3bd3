"""From the text of a task file to its YAML: comments, aliases, template (semantics 2.1, steps 1 to 4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from baselift.domain.taskfile import text
from baselift.domain.taskfile.aliases import NONE, Aliases, Section, combine, section
from baselift.domain.taskfile.errors import TaskFileError
from baselift.domain.taskfile.nodes import MAX_TEXT

Render = Callable[[str, Mapping[str, Any]], str]
Sources = Mapping[str, Mapping[str, str]]
NO_SOURCES: Sources = {}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A task file after aliases and template."""

    text: str
    """YAML, without the alias block and the comment lines of the file."""
    lines: list[int]
    """For each line of `text` the line of the file; of the rendered file where `exact` is false."""
    exact: bool
    """True when aliases and template kept the number of lines."""
    aliases: Aliases
    notes: tuple[str, ...] = ()
    """What people should be told."""


def rendering(content: str, data: Mapping[str, Any], *, render: Render, sources: Sources = NO_SOURCES) -> Rendered:
    """Carry out aliases and template, without reading the YAML: what ``baselift render`` shows.

    Raises:
        TaskFileError: the alias block, an alias file or the template is wrong, or the template comes to nothing.
    """
    block, rest, notes = _parted(content)
    table = NONE if block is None else combine(_section(block, data, render), sources)
    body = rest if block is None else table.expand(rest)
    made = carry_out(render, body, data)
    left, lines = text.lines(made)
    if not left.strip() and text.lines(body)[0].strip():
        raise TaskFileError("the rendered template is empty")
    return Rendered(left, lines, made.count("\n") == rest.count("\n"), table, notes)


def alias_sources(content: str, data: Mapping[str, Any], *, render: Render) -> tuple[str, ...]:
    """Addresses of the alias files that a task file names, to be read before `rendering`.

    Raises:
        TaskFileError: the alias block is wrong.
    """
    block = _parted(content)[0]
    return () if block is None else _section(block, data, render).sources


def _parted(content: str) -> tuple[str | None, str, tuple[str, ...]]:
    """The alias block, None where the version has no aliases; the rest; notes."""
    if len(content) > MAX_TEXT:
        raise TaskFileError(f"the file has {len(content)} characters; at most {MAX_TEXT} are allowed")
    bare, kept = text.without_comments(content.replace("\r\n", "\n"))
    notes = (_KEPT.format(kept),) if kept else ()
    if text.version(bare) < text.ALIASES_SINCE:
        return None, bare, notes + ((_NO_ALIASES,) if text.has_aliases(bare) else ())
    return *text.cut_aliases(bare), notes


_KEPT = "lines in literal blocks that begin with '#' are kept (here {}); ACR's engine takes them out"
_NO_ALIASES = f"alias is ignored: it needs 'version: {text.ALIASES_SINCE}' at the start of a line"


def _section(block: str, data: Mapping[str, Any], render: Render) -> Section:
    rendered = carry_out(render, block, data)
    left, lines = text.lines(rendered)
    try:
        return section(left, lines)
    except TaskFileError as error:
        error.rendered = rendered.count("\n") != block.count("\n")
        raise


def carry_out(render: Render, content: str, data: Mapping[str, Any]) -> str:
    """Render a template.

    Raises:
        TaskFileError: it cannot be rendered.
    """
    try:
        return render(content, data)
    except TaskFileError:
        raise
    except ValueError as error:
        raise TaskFileError(str(error)) from error
