"""RE2's regular expressions to a tree: the syntax of Go's package regexp."""

import re
from dataclasses import dataclass, field
from typing import NoReturn

from baselift.domain.templates.errors import Bounded, Fault
from baselift.domain.templates.limits import MAX_NESTING
from baselift.domain.templates.regex_classes import PERL, POSIX, Characters, single
from baselift.domain.templates.text import well_formed

MAX_PATTERN = 4096
_MAX_REPEAT = 1000
_COUNTED = re.compile(r"\{([0-9]{1,6})(,([0-9]{0,6}))?\}")
_GROUP = re.compile(r"\(\?P?<([A-Za-z0-9_]+)>")
_FLAGS = re.compile(r"\(\?([imsU]*)(-[imsU]+)?([:)])")
_ESCAPED = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ASSERTIONS = {"A": "start", "z": "end", "b": "boundary", "B": "inside"}
_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,8})\}|([1-7][0-7]{1,2}|0[0-7]{0,2}))")
_UNICODE = re.compile(r"\\([pP])(?:\{(\^?)(\w+)\}|(\w))")


@dataclass(slots=True)
class Node:
    """A part of the expression.

    `kind` is `chars`, `assert`, `sequence`, `choice`, `group` or `repeat` (`low` to `high` times, without limit when
    `high` is None).
    """

    kind: str
    parts: list["Node"] = field(default_factory=list)
    chars: Characters | None = None
    name: str = ""
    number: int = 0
    low: int = 0
    high: int | None = None
    greedy: bool = True

    def repeats(self) -> int:
        """How often counted repetitions copy the innermost part."""
        inner = max((part.repeats() for part in self.parts), default=1)
        return inner * max(self.low, self.high or 0, 1) if self.kind == "repeat" else inner

    def nullable(self) -> bool:
        """Whether the part may match nothing."""
        if self.kind == "chars":
            return False
        if self.kind == "repeat":
            return self.low == 0 or self.parts[0].nullable()
        return (any if self.kind == "choice" else all)(part.nullable() for part in self.parts)


def parse(pattern: str) -> tuple[Node, list[str]]:
    """The tree and the names of the groups, the empty string for one without a name.

    Raises:
        Fault: Go would not compile the pattern, or it is too long or too deep.
    """
    if len(pattern) > MAX_PATTERN:
        raise Bounded(f"a regular expression has at most {MAX_PATTERN} characters, this one has {len(pattern)}")
    if pattern != well_formed(pattern):
        raise Fault("invalid UTF-8 in the regular expression")
    reader = _Reader(pattern)
    tree = reader.choice()
    if reader.at < len(pattern):
        reader.fail("unexpected )")
    if tree.repeats() > _MAX_REPEAT:
        reader.fail(f"invalid repeat count: more than {_MAX_REPEAT}")
    return tree, reader.names


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.flags = frozenset[str]()
        self.names = [""]
        self.depth = 0

    def fail(self, message: str) -> NoReturn:
        raise Fault(f"error parsing regexp `{self.pattern}`: {message}")

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def choice(self) -> Node:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise Bounded(f"groups of a regular expression are nested more than {MAX_NESTING} levels deep")
        flags, branches = self.flags, [self._sequence()]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence())
        self.flags = flags
        self.depth -= 1
        return branches[0] if len(branches) == 1 else Node("choice", branches)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            atom = self._atom()
            if atom is not None:
                parts.append(self._repeated(atom))
            elif parts:  # flags alone are no part: a repetition after them is of the part before them
                parts[-1] = self._repeated(parts[-1])
        return Node("sequence", parts)

    def _repeated(self, atom: Node) -> Node:
        for again in range(3):
            start = self.at
            bounds = self._bounds()
            if bounds is None:
                return atom
            if again:
                self.fail(f"invalid nested repetition operator: `{self.pattern[start : self.at]}`")
            low, high = bounds
            if low > _MAX_REPEAT or (high or 0) > _MAX_REPEAT or (high is not None and low > high):
                self.fail(f"invalid repeat count: `{self.pattern[start : self.at]}`")
            lazy = self._peek() == "?"
            self.at += lazy
            atom = Node("repeat", [atom], low=low, high=high, greedy=lazy == ("U" in self.flags))
        return atom

    def _bounds(self) -> tuple[int, int | None] | None:
        char = self._peek()
        if char and char in "*+?":
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        found = _COUNTED.match(self.pattern, self.at)
        if not found:
            return None
        self.at = found.end()
        low = int(found[1])
        return low, (low if not found[2] else int(found[3]) if found[3] else None)

    def _atom(self) -> Node | None:
        char = self._peek()
        if char == "(":
            return self._group()
        if char == "[":
            return Node("chars", chars=self._class())
        if char == "\\":
            return self._escape()
        if char in "*+?" or _COUNTED.match(self.pattern, self.at):
            self.fail(f"missing argument to repetition operator: `{char}`")
        self.at += 1
        if char in "^$":
            place = "start" if char == "^" else "end"
            return Node("assert", name=f"line {place}" if "m" in self.flags else place)
        return Node("chars", chars=self._any() if char == "." else self._single(char))

    def _any(self) -> Characters:
        characters = Characters(negated=True)
        if "s" not in self.flags:
            characters.add(((10, 10),))
        return characters

    def _single(self, char: str) -> Characters:
        return single(char, folds="i" in self.flags)

    def _group(self) -> Node | None:
        flags, number, name = self.flags, 0, ""
        if found := _FLAGS.match(self.pattern, self.at):
            self.at = found.end()
            self.flags = (flags | set(found[1])) - set(found[2] or "")
            if found[3] == ")":
                return None
        elif self.pattern.startswith("(?", self.at):
            name = self._group_name()
            number = self._numbered(name)
        else:
            self.at += 1
            number = self._numbered("")
        inner = self.choice()
        self.flags = flags
        if self._peek() != ")":
            self.fail("missing closing )")
        self.at += 1
        return Node("group", [inner], number=number, name=name)

    def _group_name(self) -> str:
        found = _GROUP.match(self.pattern, self.at)
        if not found:
            self.fail(f"invalid or unsupported Perl syntax: `{self.pattern[self.at : self.at + 3]}`")
        self.at = found.end()
        return found[1]

    def _numbered(self, name: str) -> int:
        self.names.append(name)
        return len(self.names) - 1

    def _escape(self) -> Node | None:
        char = self.pattern[self.at + 1 : self.at + 2]
        if char in _ASSERTIONS and char:
            self.at += 2
            return Node("assert", name=_ASSERTIONS[char])
        if char == "Q":
            return self._quoted()
        characters = Characters(folds="i" in self.flags)
        if not self._named_class(characters):
            return Node("chars", chars=self._single(self._code()))
        return Node("chars", chars=characters)

    def _quoted(self) -> Node:
        end = self.pattern.find("\\E", self.at)
        body = self.pattern[self.at + 2 : end if end >= 0 else None]
        self.at = end + 2 if end >= 0 else len(self.pattern)
        parts = [Node("chars", chars=self._single(char)) for char in body]
        if parts and self._peek() and self._peek() in "*+?{":
            parts[-1] = self._repeated(parts[-1])
        return Node("sequence", parts)

    def _named_class(self, characters: Characters) -> bool:
        char = self.pattern[self.at + 1 : self.at + 2]
        if char.lower() in PERL and char:
            self.at += 2
            characters.add(PERL[char.lower()], negated=char.isupper())
            return True
        found = _UNICODE.match(self.pattern, self.at)
        if not found:
            return False
        self.at = found.end()
        characters.add_category(found[3] or found[4], negated=(found[1] == "P") != bool(found[2]))
        return True

    def _code(self) -> str:
        found = _CODE.match(self.pattern, self.at)
        if found:
            self.at = found.end()
            code = int(found[3], 8) if found[3] else int(found[1] or found[2], 16)
            if code > 0x10FFFF:  # noqa: PLR2004 - the last character
                self.fail(f"invalid escape sequence: `{found.group()}`")
            return chr(code)
        char = self.pattern[self.at + 1 : self.at + 2]
        self.at += 2
        if char in _ESCAPED:
            return _ESCAPED[char]
        if not char:
            self.fail("trailing backslash at end of expression")
        if char.isascii() and not char.isalnum():
            return char
        return self.fail(f"invalid escape sequence: `\\{char}`")

    def _class(self) -> Characters:
        start = self.at
        self.at += 1
        negated = self._peek() == "^"
        self.at += negated
        characters = Characters(negated=negated, folds="i" in self.flags)
        first = True
        while self._peek() != "]" or first:
            first = False
            if not self._peek():
                self.fail(f"missing closing ]: `{self.pattern[start:]}`")
            if not (self._posix(characters) or (self._peek() == "\\" and self._named_class(characters))):
                self._range(characters)
        self.at += 1
        return characters

    def _posix(self, characters: Characters) -> bool:
        found = re.compile(r"\[:(\^?)([^\]]*):\]").match(self.pattern, self.at)
        if not found:
            return False
        if found[2] not in POSIX:
            self.fail(f"invalid character class range: `{found.group()}`")
        self.at = found.end()
        characters.add(POSIX[found[2]], negated=bool(found[1]))
        return True

    def _range(self, characters: Characters) -> None:
        start = self.at
        low = self._class_char()
        high = low
        if self._peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
            self.at += 1
            high = self._class_char()
        if low > high:
            self.fail(f"invalid character class range: `{self.pattern[start : self.at]}`")
        characters.add(((ord(low), ord(high)),))

    def _class_char(self) -> str:
        if self._peek() == "\\":
            return self._code()
        char = self._peek()
        self.at += 1
        return char
