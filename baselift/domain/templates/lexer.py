"""Template text to tokens, by the rules of Go's text/template."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from baselift.domain.templates.errors import TemplateError

_KEYWORDS = frozenset(("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"))
_SPACES = " \t\r\n"
_TRIM_RIGHT = re.compile(r"[ \t\r\n]-\}\}")
_NUMBER = (
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<declare>:=)|(?P<assign>=)|(?P<pipe>\|)|(?P<open>\()|(?P<close>\))
    |(?P<string>"(?:[^"\\\n]|\\[^\n])*")
    |(?P<raw>`[^`]*`)
    |(?P<rune>'(?:[^'\\\n]|\\[^\n])*')
    |(?P<variable>\$\w*)
    |(?P<field>\.(?![0-9])\w*)
    |(?P<number>(?=[+-]|\.?[0-9])"""
    + _NUMBER
    + r""")
    |(?P<word>\w+)""",
    re.VERBOSE,
)
_UNCLOSED = {
    '"': "the quoted string is not closed on its line",
    "`": "the raw string is not closed",
    "'": "the character constant is not closed on its line",
    ":": "':' must be ':='",
}


class Token(NamedTuple):
    """A piece of the template; `kind` is a group name above, `text`, `left`, `right`, `keyword`, `char` or `end`."""

    kind: str
    value: str
    line: int


class Lexer:
    """Hands out the tokens one after the other, so that the first mistake in the text is the one reported."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def tokens(self) -> Iterator[Token]:
        """All tokens, the last one of kind `end`.

        Raises:
            TemplateError: an action, comment, string or parenthesis is not closed, or holds a character Go refuses.
        """
        while self._at < len(self._text):
            start = self._text.find("{{", self._at)
            if start < 0:
                yield self._take("text", len(self._text))
                break
            yield from self._leading(start)
            if not self._comment():
                yield from self._action()
        yield Token("end", "", self._line)

    def _leading(self, start: int) -> Iterator[Token]:
        trims = self._text[start + 2 : start + 3] == "-" and self._text[start + 3 : start + 4] in tuple(_SPACES)
        piece = self._text[self._at : start]
        kept = piece.rstrip(_SPACES) if trims else piece
        if kept:
            yield Token("text", kept, self._line)
        self._move(start)
        self._marker = 4 if trims else 2

    def _comment(self) -> bool:
        body = self._at + self._marker
        if not self._text.startswith("/*", body):
            return False
        close = self._text.find("*/", body + 2)
        if close < 0:
            raise self._error("the comment is not closed by '*/'")
        trims = bool(_TRIM_RIGHT.match(self._text, close + 2))
        if not trims and not self._text.startswith("}}", close + 2):
            raise self._error("a comment must be followed by '}}'")
        self._close(close + (4 if trims else 2), trims=trims)
        return True

    def _action(self) -> Iterator[Token]:
        yield self._take("left", self._at + self._marker)
        depth = 0
        while True:
            if (trims := bool(_TRIM_RIGHT.match(self._text, self._at))) or self._text.startswith("}}", self._at):
                if depth:
                    raise self._error("'(' is not closed by ')'")
                yield Token("right", "}}", self._line)
                self._close(self._at + (2 if trims else 0), trims=trims)
                return
            token = self._next()
            depth += (token.kind == "open") - (token.kind == "close")
            if depth < 0:
                raise self._error("')' has no '('")
            yield token

    def _next(self) -> Token:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            return self._other()
        kind, end = str(found.lastgroup), found.end()
        if kind == "space" and end - self._at > 1 and self._text.startswith("-}}", end):
            end -= 1
        if kind in ("variable", "field", "word") and not self._terminated(end):
            raise self._error(f"unexpected {self._text[end]!r} after '{found.group()}'")
        if kind == "number" and self._text[end : end + 1].isalnum():
            raise self._error(f"'{found.group()}{self._text[end]}' is not a number")
        if kind == "word" and found.group() in _KEYWORDS:
            kind = "keyword"
        return self._take(kind, end)

    def _other(self) -> Token:
        char = self._text[self._at : self._at + 1]
        if not char:
            raise self._error("'{{' is not closed by '}}'")
        if char in _UNCLOSED:
            raise self._error(_UNCLOSED[char])
        if not (char.isascii() and char.isprintable()):
            raise self._error(f"unexpected character {char!r} in an action")
        return self._take("char", self._at + 1)

    def _terminated(self, end: int) -> bool:
        char = self._text[end : end + 1]
        return not char or char in " \t\r\n.,|:)(" or self._text.startswith("}}", end)

    def _close(self, end: int, *, trims: bool) -> None:
        self._move(end + 2)
        if trims:
            rest = len(self._text)
            stop = self._at
            while stop < rest and self._text[stop] in _SPACES:
                stop += 1
            self._move(stop)

    def _take(self, kind: str, end: int) -> Token:
        token = Token(kind, self._text[self._at : end], self._line)
        self._move(end)
        return token

    def _move(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _error(self, message: str) -> TemplateError:
        return TemplateError(f"template: {self._line}: {message}")
