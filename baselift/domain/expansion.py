"""Docker's word expansion: ``$v``, ``${v}``, ``${v:-d}``, ``${v#p}``, ``${v/a/b}``, quotes and escapes.

Rules: Dockerfile reference, "Environment replacement", and BuildKit's ``shell`` package. Dockerfiles come from users:
one `Expander` does a bounded amount of work, whatever it is given.
"""

from collections.abc import Callable, Mapping
from typing import Final

from baselift.domain.globs import PatternError, replaced, tokens, without_prefix, without_suffix

WORK: Final = 2_000_000
_DEPTH: Final = 40
_SPECIAL: Final = "@*#?-$!0"


class ExpansionError(ValueError):
    """The word cannot be expanded; the message says why and what would be right."""


class Expander:
    """Expands words; all words of one expander share one budget of work (characters read, written and compared)."""

    def __init__(self, escape: str = "\\", work: int = WORK, *, quotes: bool = True) -> None:
        """`quotes`: whether ' and " quote; in a here-document they are characters like any other."""
        self.escape = escape
        self.quotes = quotes
        self._left = work

    def expand(self, word: str, variables: Mapping[str, str]) -> str:
        """The word with variables replaced, quotes and escapes removed; an unset variable is empty.

        Raises:
            ExpansionError: bad substitution, open quote, ``${v:?message}`` unset, or too much work.
        """
        try:
            return _Word(word, variables, self).until(None, raw=False)
        except PatternError as error:
            raise ExpansionError(str(error)) from None

    def spend(self, work: int) -> None:
        """Take from the budget.

        Raises:
            ExpansionError: nothing is left.
        """
        self._left -= work
        if self._left < 0:
            raise ExpansionError("variables expand to too much; use shorter values and simpler patterns")


class _Word:
    def __init__(self, text: str, variables: Mapping[str, str], expander: Expander) -> None:
        self._text = text
        self._place = 0
        self._depth = 0
        self._raw = False
        self._variables = variables
        self._escape = expander.escape
        self._quotes = expander.quotes
        self._spend = expander.spend

    def until(self, stop: str | None, *, raw: bool) -> str:
        """Everything up to the stop character; `raw` keeps escapes, for patterns."""
        before, self._raw = self._raw, raw
        self._depth += 1
        if self._depth > _DEPTH:
            raise ExpansionError(f"substitutions are nested deeper than {_DEPTH}")
        pieces = list[str]()
        while (character := self._peek()) != "":
            if character == stop:
                self._place += 1
                break
            pieces.append(self._piece(character))
        else:
            if stop is not None:
                raise ExpansionError(f"a closing '{stop}' is missing")
        self._raw = before
        self._depth -= 1
        return self._joined(pieces)

    def _joined(self, pieces: list[str]) -> str:
        self._spend(sum(map(len, pieces)) + 1)
        return "".join(pieces)

    def _peek(self) -> str:
        return self._text[self._place : self._place + 1]

    def _next(self) -> str:
        character = self._peek()
        self._place += 1
        return character

    def _piece(self, character: str) -> str:
        self._place += 1
        if character == "$":
            return self._dollar()
        if character == "'" and self._quotes:
            return self._single_quoted()
        if character == '"' and self._quotes:
            return self._double_quoted()
        if character == self._escape:
            escaped = self._next()
            return character + escaped if self._raw else escaped
        return character

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._place)
        if end < 0:
            raise ExpansionError("a closing ' is missing")
        start, self._place = self._place, end + 1
        return self._text[start:end]

    def _double_quoted(self) -> str:
        pieces = list[str]()
        while (character := self._next()) != '"':
            if character == "":
                raise ExpansionError('a closing " is missing')
            if character == "$":
                pieces.append(self._dollar())
            elif character == self._escape:
                pieces.append(self._escape_in_quotes())
            else:
                pieces.append(character)
        return self._joined(pieces)

    def _escape_in_quotes(self) -> str:
        kept = self._escape if self._raw else ""
        following = self._peek()
        if following == "":
            return kept
        if following in ('"', "$", self._escape):
            self._place += 1
            return kept + following
        return kept + self._escape

    def _dollar(self) -> str:
        if self._peek() == "{":
            self._place += 1
            return self._braced()
        name = self._name()
        return self._variables.get(name, "") if name else "$"

    def _name(self) -> str:
        start, first = self._place, self._peek()
        inside: Callable[[str], bool]
        if first.isdecimal():
            inside = str.isdecimal
        elif first and first in _SPECIAL:
            self._place += 1
            return first
        else:
            inside = _in_name
        while inside(self._peek()):
            self._place += 1
        return self._text[start : self._place]

    def _braced(self) -> str:
        if self._peek() in ("{", "}", ":"):
            raise ExpansionError("bad substitution: a variable name must follow '${'")
        name = self._name()
        value = self._variables.get(name)
        sign = self._next()
        if sign == "}":
            return value or ""
        if sign == ":":
            return self._conditional(name, value or None, ":" + self._next())
        if sign == "/":
            return self._replace(value or "")
        if sign in ("#", "%"):
            return self._trim(sign, value or "")
        return self._conditional(name, value, sign)

    def _conditional(self, name: str, value: str | None, sign: str) -> str:
        if sign in ("", ":"):
            raise ExpansionError("a closing '}' is missing")
        if sign.lstrip(":") not in ("-", "+", "?"):
            raise ExpansionError(f"'{sign}' in '${{{name}{sign}…}}' is none of - + ? :- :+ :? # ## % %% / //")
        word = self.until("}", raw=False)
        if sign[-1] == "+":
            return "" if value is None else word
        if value is None and sign[-1] == "?":
            raise ExpansionError(f"{name}: {word or 'must be set'}")
        return word if value is None else value

    def _trim(self, sign: str, value: str) -> str:
        pattern = self.until("}", raw=True)
        longest = pattern.startswith(sign)
        trim = without_prefix if sign == "#" else without_suffix
        self._spend(len(pattern) + len(value) * (1 + len(pattern) // 64))
        return trim(tokens(pattern[longest:]), value, longest=longest)

    def _replace(self, value: str) -> str:
        everywhere = self._peek() == "/"
        self._place += everywhere
        pattern = self.until("/", raw=True)
        replacement = self.until("}", raw=True)
        self._spend(len(pattern) + (len(value) + 1) * (len(value) * (1 + len(pattern) // 64) + len(replacement)))
        return replaced(tokens(pattern), value, replacement, everywhere=everywhere)


def _in_name(character: str) -> bool:
    return character.isalpha() or character.isdecimal() or character == "_"
