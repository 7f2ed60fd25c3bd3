"""Words of a command line as a POSIX shell sees them, and the places where a shell would do more than split.

``shlex`` splits as well, but cannot tell a quoted sign from one that a shell acts on.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from baselift.domain.taskfile.errors import TaskFileError

MAX_COMMAND = 128 << 10
"""Characters: what Linux takes as one argument, at most."""
_TOKEN = re.compile(
    r"""(?P<continued>\\\r?\n)
      | (?P<blank>[ \t\r]+)
      | (?P<operator>\n|&&|\|\||;;|<<|>>|[;&|<>()])
      | '(?P<single>[^']*)'
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | \\(?P<escaped>.)
      | (?P<expansion>`|\$(?=(?:\\\r?\n)*[A-Za-z0-9_{(@*\#?$!-]))
      | (?P<plain>[^\s'"\\`$;&|<>()]+|[$\s])
    """,
    re.VERBOSE | re.DOTALL,
)
_EXPANDS = re.compile(r"(?<!\\)(?:\\\\)*(?:`|\$(?:\\\r?\n)*[A-Za-z0-9_{(@*#?$!-])")
_UNESCAPE = re.compile(r'\\([$`"\\])|\\\r?\n')


class Kind(StrEnum):
    """What a token is."""

    WORD = "word"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Token:
    """A word without its quotes, or an operator; `start` and `end` are its place in the text."""

    kind: Kind
    text: str
    start: int
    end: int
    expands: bool = False
    """True for a word in which a shell would replace something: ``$NAME``, ``$(…)``, backticks."""


def split(text: str) -> list[Token]:
    """Take a command line apart. A line break between words is an operator, as a semicolon is.

    Raises:
        TaskFileError: a quote is not closed, nothing follows a backslash, or the text is too long.
    """
    if len(text) > MAX_COMMAND:
        raise TaskFileError(f"the command has {len(text)} characters; at most {MAX_COMMAND} are allowed")
    splitter = _Splitter(text)
    while splitter.position < len(text):
        splitter.step()
    splitter.close()
    return splitter.tokens


class _Splitter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.tokens: list[Token] = []
        self._pieces: list[str] | None = None
        self._start = 0
        self._expands = False

    def step(self) -> None:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            raise TaskFileError(f"{_unclosed(self.text[self.position])} in the command")
        if self._pieces is None and match[0].startswith("#"):
            self.position = _line_end(self.text, self.position)
            return
        self._take(match)
        self.position = match.end()

    def close(self) -> None:
        """End the word that is being read."""
        if self._pieces is not None:
            word = "".join(self._pieces)
            self.tokens.append(Token(Kind.WORD, word, self._start, self.position, self._expands))
        self._pieces, self._expands = None, False

    def _take(self, match: re.Match[str]) -> None:
        kind = match.lastgroup
        if kind == "continued":
            return
        if kind in ("blank", "operator"):
            self.close()
            if kind == "operator":
                self.tokens.append(Token(Kind.OPERATOR, match[0], match.start(), match.end()))
            return
        if self._pieces is None:
            self._pieces, self._start = [], match.start()
        quoted = kind == "double" and _EXPANDS.search(match["double"])
        self._expands = self._expands or kind == "expansion" or bool(quoted)
        self._pieces.append(_UNESCAPE.sub(r"\1", match["double"]) if kind == "double" else match[str(kind)])


def _unclosed(sign: str) -> str:
    return "nothing follows the backslash" if sign == "\\" else f"the quote {sign} is not closed"


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end
