"""Sprig's regular expression functions."""

import re
from collections.abc import Iterator

from baselift.domain.templates.errors import Bounded, Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import Context
from baselift.domain.templates.regex_machine import Program, Spans, compiled
from baselift.domain.templates.values import Strings

FUNCTIONS = Registry()
_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


@FUNCTIONS.add("regexMatch", "string", "string", context=True)
def matches(context: Context, pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere; false also for what is no pattern, as in sprig.

    Raises:
        Bounded: the pattern is one, but of a kind or size that is not supported here.
    """
    try:
        program = compiled(context, pattern)
    except Bounded:
        raise
    except Fault:
        context.step()
        return False
    return program.search(context, text) is not None


@FUNCTIONS.add("regexFind", "string", "string", context=True)
def find(context: Context, pattern: str, text: str) -> str:
    """The first match, or the empty string."""
    found = compiled(context, pattern).search(context, text)
    return text[found[0] : found[1]] if found else ""


@FUNCTIONS.add("regexFindAll", "string", "string", "int", context=True)
def find_all(context: Context, pattern: str, text: str, limit: int) -> Strings:
    """Up to `limit` matches, all when it is negative; the nil list when there is none."""
    found = list(_spans(context, pattern, text, limit))
    return Strings([text[start:end] for start, end in found]) if found else _nothing()


@FUNCTIONS.add("regexReplaceAll", "string", "string", "string", context=True)
def replace_all(context: Context, pattern: str, text: str, replacement: str) -> str:
    """Every match changed to the replacement, in which `$1` and `${name}` are groups."""
    program = compiled(context, pattern)
    pieces = [
        (found, _expanded(context, program, found, text, replacement)) for found in _matches(context, program, text)
    ]
    return _joined(context, text, pieces)


@FUNCTIONS.add("regexReplaceAllLiteral", "string", "string", "string", context=True)
def replace_all_literal(context: Context, pattern: str, text: str, replacement: str) -> str:
    """Every match changed to the replacement as it stands."""
    program = compiled(context, pattern)
    return _joined(context, text, [(found, replacement) for found in _matches(context, program, text)])


@FUNCTIONS.add("regexSplit", "string", "string", "int", context=True)
def split(context: Context, pattern: str, text: str, limit: int) -> Strings:
    """The text between matches, in at most `limit` pieces, all when it is negative."""
    if limit == 0:
        return _nothing()
    if pattern and not text:
        compiled(context, pattern)
        return Strings([""])
    pieces: list[str] = []
    start = end = 0
    for first, last in _spans(context, pattern, text, limit):
        if limit > 0 and len(pieces) == limit - 1:
            break
        end = first
        if last:
            pieces.append(text[start:end])
        start = last
    if end != len(text):
        pieces.append(text[start:])
    return Strings(pieces)


def _nothing() -> Strings:
    made = Strings()
    made.nil = True
    return made


def _spans(context: Context, pattern: str, text: str, limit: int) -> Iterator[tuple[int, int]]:
    program = compiled(context, pattern)
    for count, found in enumerate(_matches(context, program, text)):
        if 0 <= limit <= count:
            return
        yield int(found[0] or 0), int(found[1] or 0)


def _matches(context: Context, program: Program, text: str) -> Iterator[Spans]:
    """All matches that do not overlap; an empty one right after another match does not count."""
    at, last = 0, -1
    while at <= len(text):
        found = program.search(context, text, at)
        if found is None:
            return
        context.charge(64)
        start, end = int(found[0] or 0), int(found[1] or 0)
        if start != end or start != last:
            yield found
        last = end
        at = end if end > at else end + 1


def _expanded(context: Context, program: Program, found: Spans, text: str, replacement: str) -> str:
    if "$" not in replacement:
        return replacement
    pieces: list[str] = []
    at = 0
    for reference in _REFERENCE.finditer(replacement):
        context.step()
        pieces.append(replacement[at : reference.start()])
        pieces.append(reference[1] or _group(program, found, text, reference[2] or reference[3]))
        at = reference.end()
        context.charge(len(pieces[-1]))
    return "".join([*pieces, replacement[at:]])


def _group(program: Program, found: Spans, text: str, name: str) -> str:
    if name.isascii() and name.isdigit():
        number = int(name) if len(name) < 6 else len(program.names)  # noqa: PLR2004 - more groups than a pattern holds
    else:
        number = program.names.index(name) if name in program.names else len(program.names)
    if number >= len(program.names) or found[2 * number] is None:
        return ""
    return text[found[2 * number] : found[2 * number + 1]]


def _joined(context: Context, text: str, pieces: list[tuple[Spans, str]]) -> str:
    context.charge(len(text) + sum(len(replacement) for _, replacement in pieces))
    parts: list[str] = []
    at = 0
    for found, replacement in pieces:
        parts += (text[at : found[0]], replacement)
        at = int(found[1] or 0)
    return "".join([*parts, text[at:]])
