"""Which characters a piece of a regular expression matches."""

import unicodedata
from collections.abc import Iterable
from typing import Any

from baselift.domain.templates.errors import Bounded

Range = tuple[int, int]
_FOLDS = {
    "k": "\u212a",
    "s": "\u017f",
    "å": "\u212b",
    "\u212a": "kK",
    "\u017f": "sS",
    "\u212b": "åÅ",
    "K": "\u212a",
    "S": "\u017f",
}
WORD: tuple[Range, ...] = ((48, 57), (65, 90), (95, 95), (97, 122))
PERL: dict[str, tuple[Range, ...]] = {"d": ((48, 57),), "s": ((9, 10), (12, 13), (32, 32)), "w": WORD}
POSIX: dict[str, tuple[Range, ...]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": ((48, 57),),
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_CATEGORIES = frozenset(
    [
        "C",
        "Cc",
        "Cf",
        "Co",
        "Cs",
        "L",
        "Ll",
        "Lm",
        "Lo",
        "Lt",
        "Lu",
        "M",
        "Mc",
        "Me",
        "Mn",
        "N",
        "Nd",
        "Nl",
        "No",
        "P",
        "Pc",
        "Pd",
        "Pe",
        "Pf",
        "Pi",
        "Po",
        "Ps",
        "S",
        "Sc",
        "Sk",
        "Sm",
        "So",
        "Z",
        "Zl",
        "Zp",
        "Zs",
    ]
)


class Characters(dict[str, bool]):
    """A set of characters that remembers its answers; `self[char]` says whether the character is in it."""

    def __init__(self, *, negated: bool = False, folds: bool = False) -> None:
        super().__init__()
        self.ranges: list[Range] = []
        self.parts: list[tuple[bool, Any]] = []
        self.negated = negated
        self.folds = folds

    def __missing__(self, char: str) -> bool:
        variants = _variants(char) if self.folds else char
        answer = any(self._holds(variant) for variant in variants) != self.negated
        self[char] = answer
        return answer

    def _holds(self, char: str) -> bool:
        code = ord(char)
        return any(low <= code <= high for low, high in self.ranges) or any(
            part(char) != negated for negated, part in self.parts
        )

    def add(self, ranges: Iterable[Range], *, negated: bool = False) -> None:
        """Include these ranges, or all that is not in them."""
        if not negated:
            self.ranges += ranges
            return
        kept = tuple(ranges)
        self.parts.append((True, lambda char: any(low <= ord(char) <= high for low, high in kept)))

    def add_category(self, name: str, *, negated: bool) -> None:
        """Include a Unicode general category, `Any`, or all that is not in it.

        Raises:
            Bounded: the name is a script or unknown.
        """
        if name == "Any":
            self.add(((0, 0x10FFFF),), negated=negated)
            return
        if name not in _CATEGORIES:
            raise Bounded(
                f"the regular expression class \\p{{{name}}} is not supported; general categories such as \\p{{Lu}} are"
            )
        self.parts.append((negated, lambda char: unicodedata.category(char).startswith(name)))


def _variants(char: str) -> str:
    forms = (char, char.lower(), char.upper(), char.title(), *_FOLDS.get(char, ""))
    return "".join({form for form in forms if len(form) == 1})


def single(char: str, *, folds: bool) -> Characters:
    """Exactly this character."""
    characters = Characters(folds=folds)
    characters.add(((ord(char), ord(char)),))
    return characters
