"""Docker's command line flags: ``--name value``, ``--name=value``, ``-n value``, ``-nvalue``, ``-n=value``, ``-ab``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baselift.domain.taskfile.errors import TaskFileError, shown

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


@dataclass(frozen=True, slots=True)
class Grammar:
    """The flags that a command understands."""

    command: str
    """For messages, such as ``build``."""
    valued: frozenset[str]
    """Long names that take a value."""
    boolean: frozenset[str]
    """Long names that stand alone or take ``=true`` or ``=false``."""
    short: Mapping[str, str]
    """Letter -> long name."""
    refused: Mapping[str, str]
    """Long name -> what to do instead."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that was given. `value` is ``true`` or ``false`` for a boolean one."""

    name: str
    value: str


class Reader:
    """Reads flags from words, one after the other."""

    def __init__(self, grammar: Grammar, words: Sequence[str]) -> None:
        self._grammar = grammar
        self._words = words
        self.flags: list[Flag] = []
        self.next = 0
        """Index of the first word that is not read."""

    def leading(self) -> list[Flag]:
        """The flags before the first word that is none.

        Raises:
            TaskFileError: a flag is unknown, refused, or lacks its value.
        """
        while self.next < len(self._words) and _is_flag(self._words[self.next]):
            word = self._take()
            if word == "--":
                break
            self._flag(word)
        return self.flags

    def all(self) -> tuple[list[Flag], list[str]]:
        """All flags, wherever they stand, and the words that are none.

        Raises:
            TaskFileError: a flag is unknown, refused, or lacks its value.
        """
        positional: list[str] = []
        while self.next < len(self._words):
            word = self._take()
            if word == "--":
                positional += self._words[self.next :]
                break
            if _is_flag(word):
                self._flag(word)
            else:
                positional.append(word)
        return self.flags, positional

    def _take(self) -> str:
        self.next += 1
        return self._words[self.next - 1]

    def _flag(self, word: str) -> None:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            self._add(f"--{name}", name, value if equals else None)
        else:
            self._letters(word)

    def _letters(self, word: str) -> None:
        for index, letter in enumerate(word[1:], 1):
            name = self._grammar.short.get(letter, "")
            rest = word[index + 1 :]
            if name in self._grammar.boolean and not rest.startswith("="):
                self._add(f"-{letter}", name, None)
                continue
            self._add(f"-{letter}", name, rest.removeprefix("=") if rest else None)
            break

    def _add(self, spelling: str, name: str, value: str | None) -> None:
        grammar = self._grammar
        if name in grammar.refused:
            raise TaskFileError(f"{grammar.command} flag {shown(spelling)} is not supported: {grammar.refused[name]}")
        if name in grammar.boolean:
            self.flags.append(Flag(name, _boolean(spelling, value)))
        elif name in grammar.valued:
            self.flags.append(Flag(name, self._value(spelling, value)))
        else:
            known = ", ".join(f"--{known}" for known in sorted(grammar.valued | grammar.boolean))
            raise TaskFileError(f"{grammar.command} flag {shown(spelling)} is not supported; these are: {known}")

    def _value(self, spelling: str, value: str | None) -> str:
        if value is None and self.next >= len(self._words):
            raise TaskFileError(f"{self._grammar.command} flag {shown(spelling)} needs a value after it")
        return self._take() if value is None else value


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-")


def _boolean(spelling: str, value: str | None) -> str:
    if value is None or value in _TRUE:
        return "true"
    if value in _FALSE:
        return "false"
    raise TaskFileError(f"flag {shown(spelling)} is {shown(value)}; it must be true or false")
