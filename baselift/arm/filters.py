"""`$filter` and `$top` of the run list: OData comparisons joined by and, or and parentheses, and `contains`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from baselift.arm.conditions import Both, Comparison, Either, Everything, Filter, balanced
from baselift.arm.errors import ApiError, invalid
from baselift.arm.names import shorten
from baselift.arm.run_fields import FIELDS, Value

MAX_LENGTH = 4096
MAX_TOP = 1000
_MAX_DEPTH = 32
_OPERATORS = ("eq", "ne", "gt", "ge", "lt", "le")
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<mark>[(),])"
    r"|(?P<time>\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)|(?P<word>[A-Za-z]\w*)|(?P<end>$))"
)


def parse(text: str | None) -> Filter:
    """Read a `$filter`; None or blank matches every run. Raises ApiError 400 with the position of what is wrong."""
    if text is None or not text.strip():
        return Everything()
    if len(text) > MAX_LENGTH:
        raise invalid(f"$filter has {len(text)} characters: at most {MAX_LENGTH} are read.", "$filter")
    return _Parser(text).whole()


def top(text: str | None) -> int | None:
    """Read a `$top`, 1 to 1000; None when it was not given. Raises ApiError 400."""
    if text is None:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_TOP)) else 0
    if not 1 <= number <= MAX_TOP:
        raise invalid(f"$top is {shorten(text)}: it must be a whole number from 1 to {MAX_TOP}.", "$top")
    return number


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    """Recursive descent; `and` binds tighter than `or`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0

    def whole(self) -> Filter:
        found = self._or()
        if self._peek().kind != "end":
            self._fail("'and', 'or' or the end")
        return found

    def _or(self) -> Filter:
        terms = [self._and()]
        while self._accept("or"):
            terms.append(self._and())
        return balanced(Either, terms)

    def _and(self) -> Filter:
        terms = [self._term()]
        while self._accept("and"):
            terms.append(self._term())
        return balanced(Both, terms)

    def _term(self) -> Filter:
        if self._accept("("):
            return self._inside()
        if self._peek().text.lower() == "contains":
            return self._contains()
        field = self._field()
        operator = self._peek().text.lower()
        if operator not in _OPERATORS:
            self._fail(" or ".join(_OPERATORS))
        self._next += 1
        return Comparison(field, operator, self._value(field))

    def _inside(self) -> Filter:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._fail(f"at most {_MAX_DEPTH} parentheses inside each other")
        found = self._or()
        self._expect(")")
        self._depth -= 1
        return found

    def _contains(self) -> Filter:
        self._next += 1
        self._expect("(")
        if FIELDS.get(self._peek().text.lower()) is None or not FIELDS[self._peek().text.lower()].text:
            self._fail("OutputImageManifests or another text property")
        field = self._field()
        self._expect(",")
        if self._peek().kind != "text":
            self._fail("a text in single quotes")
        value = _unquoted(self._take().text).lower()
        self._expect(")")
        return Comparison(field, "contains", value)

    def _field(self) -> str:
        name = self._peek().text.lower()
        if name not in FIELDS:
            self._fail(", ".join(field.name for field in FIELDS.values()))
        self._next += 1
        return name

    def _value(self, field: str) -> Value:
        token = self._peek()
        if token.kind not in ("text", "time", "word"):
            self._fail("a value")
        if token.kind == "word" and token.text.lower() == "null":
            self._next += 1
            return None
        try:
            value = FIELDS[field].read(_unquoted(token.text) if token.kind == "text" else token.text, token.kind)
        except ValueError as right:
            self._fail(str(right))
        self._next += 1
        return value

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept(self, text: str) -> bool:
        found = self._peek().kind != "text" and self._peek().text.lower() == text
        self._next += found
        return found

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            self._fail(f"'{text}'")

    def _fail(self, right: str) -> NoReturn:
        raise _bad(self._peek().at, self._text, right)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while True:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            blank = len(text[at:]) - len(text[at:].lstrip())
            raise _bad(at + blank, text, "a property, an operator, a text in single quotes or a parenthesis")
        yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
        if match.lastgroup == "end":
            return
        at = match.end()


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _bad(at: int, text: str, right: str) -> ApiError:
    found = shorten(text[at : at + 40]) if at < len(text) else "the end"
    return invalid(f"$filter, position {at + 1}: expected {right}, found {found}.", "$filter")
