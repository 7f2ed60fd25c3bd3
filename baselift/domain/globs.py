r"""Shell patterns of variable substitution: ``*`` any run, ``?`` any character, ``\`` before ``* ? \ / }`` is literal.

Matching keeps a set of states in one integer, so the cost is value times pattern length, never exponential: patterns
come from users. Rules: BuildKit's ``shell`` package (no bracket expressions).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_STAR: Final = "*"
_ANY: Final = "?"


class PatternError(ValueError):
    """The pattern has an escape that means nothing; the message says which are allowed."""


@dataclass(frozen=True, slots=True)
class _Literal:
    character: str


Token = _Literal | str


def tokens(pattern: str) -> tuple[Token, ...]:
    r"""Read a pattern; neighbouring stars are one.

    Raises:
        PatternError: a backslash before anything but ``*``, ``?``, ``\``, ``/`` or ``}``.
    """
    found: list[Token] = []
    characters = iter(pattern)
    for character in characters:
        token: Token = _escaped(pattern, next(characters, "")) if character == "\\" else _plain(character)
        if token != _STAR or found[-1:] != [_STAR]:
            found.append(token)
    return tuple(found)


def _plain(character: str) -> Token:
    return character if character in (_STAR, _ANY) else _Literal(character)


def _escaped(pattern: str, character: str) -> Token:
    if not character or character not in "*?\\/}":
        raise PatternError(f"pattern '{pattern}': '\\{character}' is no escape; only \\* \\? \\\\ \\/ \\}} are")
    return _Literal(character)


class Glob:
    """A pattern made ready; bit n of a state says that the first n tokens have matched."""

    __slots__ = ("_any", "_literal", "_star", "final")

    def __init__(self, pattern: Sequence[Token]) -> None:
        self._star = sum(1 << place for place, token in enumerate(pattern) if token == _STAR)
        self._any = sum(1 << place for place, token in enumerate(pattern) if token == _ANY)
        self._literal: dict[str, int] = {}
        for place, token in enumerate(pattern):
            if isinstance(token, _Literal):
                self._literal[token.character] = self._literal.get(token.character, 0) | 1 << place
        self.final = 1 << len(pattern)

    def ends(self, value: str, start: int = 0) -> Iterator[int]:
        """Every place where a match that begins at `start` can end, ascending."""
        state = 1 | (self._star & 1) << 1
        if state & self.final:
            yield start
        for place in range(start, len(value)):
            state = self._step(state, value[place])
            if not state:
                return
            if state & self.final:
                yield place + 1

    def _step(self, state: int, character: str) -> int:
        moved = (state & (self._any | self._literal.get(character, 0))) << 1 | (state & self._star)
        return moved | (moved & self._star) << 1


def without_prefix(pattern: Sequence[Token], value: str, *, longest: bool) -> str:
    """The value without the shortest or longest prefix that matches."""
    ends = list(Glob(pattern).ends(value))
    return value[ends[-1 if longest else 0] :] if ends else value


def without_suffix(pattern: Sequence[Token], value: str, *, longest: bool) -> str:
    """The value without the shortest or longest suffix that matches."""
    return without_prefix(pattern[::-1], value[::-1], longest=longest)[::-1]


def replaced(pattern: Sequence[Token], value: str, replacement: str, *, everywhere: bool) -> str:
    """The value with the first match, or every one, replaced; matches are leftmost and longest.

    As in Go's regular expressions no empty match follows directly on another match.
    """
    glob, pieces, place, last = Glob(pattern), list[str](), 0, -1
    while place <= len(value):
        end = max(glob.ends(value, place), default=-1)
        if end < 0 or end == place == last:
            pieces.append(value[place : place + 1])
            place += 1
            continue
        pieces.append(replacement)
        if not everywhere:
            return "".join(pieces) + value[end:]
        last = end
        if end == place:
            pieces.append(value[place : place + 1])
            end += 1
        place = end
    return "".join(pieces)
