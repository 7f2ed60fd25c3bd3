"""Sprig's semantic versions: the constraint language of Masterminds/semver 1.5."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Function, Registry
from baselift.domain.templates.limits import Context
from baselift.domain.templates.values import INT64_MAX, UINT64_MAX, GoObject, Int64

FUNCTIONS = Registry()
_TAIL = r"(?P<pre>-[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?(?P<meta>\+[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?"
_VERSION = re.compile(r"v?(?P<major>[0-9]{1,30})(?:\.(?P<minor>[0-9]{1,30}))?(?:\.(?P<patch>[0-9]{1,30}))?" + _TAIL)
_LOOSE = r"v?[0-9|xX*]+(?:\.[0-9|xX*]+)?(?:\.[0-9|xX*]+)?" + re.sub(r"\?P<\w+>", "?:", _TAIL)
_CONSTRAINT = re.compile(
    r"[ \t\n\f\r]*(?P<op>|=|!=|>|<|>=|=>|<=|=<|~|~>|\^)[ \t\n\f\r]*"
    r"v?(?P<major>[0-9xX*]+)(?P<minor>\.[0-9xX*]+)?(?P<patch>\.[0-9xX*]+)?" + _TAIL + r"[ \t\n\f\r]*"
)
_RANGE = re.compile(rf"[ \t\n\f\r]*({_LOOSE})[ \t\n\f\r]+-[ \t\n\f\r]+({_LOOSE})[ \t\n\f\r]*")
_ANY = ("x", "X", "*")
MAX_VERSION = 256
MAX_CONSTRAINT = 256


@dataclass(frozen=True)
class Version(GoObject):
    """A version; `original` is the text it was read from."""

    numbers: tuple[int, int, int]
    prerelease: str
    metadata: str
    original: str

    go_type = "*semver.Version"
    go_kind = "ptr"

    def text(self) -> str:
        tail = f"-{self.prerelease}" * bool(self.prerelease) + f"+{self.metadata}" * bool(self.metadata)
        return ".".join(map(str, self.numbers)) + tail

    def methods(self) -> Mapping[str, Function]:
        parts: dict[str, Callable[[], Any]] = {
            "Major": lambda: Int64(self.numbers[0]),
            "Minor": lambda: Int64(self.numbers[1]),
            "Patch": lambda: Int64(self.numbers[2]),
            "Prerelease": lambda: self.prerelease,
            "Metadata": lambda: self.metadata,
            "Original": lambda: self.original,
            "String": self.text,
        }
        methods = {name: Function(body, ()) for name, body in parts.items()}
        methods["Compare"] = Function(lambda other: compare(self, other), ("version",))
        methods["LessThan"] = Function(lambda other: compare(self, other) < 0, ("version",))
        methods["GreaterThan"] = Function(lambda other: compare(self, other) > 0, ("version",))
        methods["Equal"] = Function(lambda other: compare(self, other) == 0, ("version",))
        return methods


@FUNCTIONS.add("semver", "string")
def parse(text: str) -> Version:
    """A version; minor and patch may be left out.

    Raises:
        Fault: the text is no version.
    """
    found = _VERSION.fullmatch(text) if len(text) <= MAX_VERSION else None
    if not found:
        raise Fault(f"'{text[:MAX_VERSION]}' is not a semantic version such as 1.2.3")
    numbers = (int(found["major"]), int(found["minor"] or 0), int(found["patch"] or 0))
    if max(numbers) > INT64_MAX:
        raise Fault(f"a number of the version '{text}' is too large")
    return Version(numbers, (found["pre"] or "")[1:], (found["meta"] or "")[1:], text)


def compare(left: Version, right: Version) -> int:
    """-1, 0 or 1; metadata does not count."""
    if left.numbers != right.numbers:
        return -1 if left.numbers < right.numbers else 1
    if not left.prerelease or not right.prerelease:
        return bool(right.prerelease) - bool(left.prerelease)
    ours, theirs = left.prerelease.split("."), right.prerelease.split(".")
    for place in range(max(len(ours), len(theirs))):
        order = _compare_parts(*(parts[place] if place < len(parts) else "" for parts in (ours, theirs)))
        if order:
            return order
    return 0


def _compare_parts(left: str, right: str) -> int:
    first, second = _part_key(left), _part_key(right)
    return (first > second) - (first < second)


def _part_key(part: str) -> tuple[int, int, str]:
    if not part:
        return 0, 0, ""
    number = int(part) if part.isdigit() else UINT64_MAX + 1
    return (1, number, "") if number <= UINT64_MAX else (2, 0, part)


@dataclass(frozen=True, slots=True)
class _Constraint:
    operator: str
    version: Version
    any_minor: bool
    any_part: bool
    any_patch: bool

    def admits(self, version: Version) -> bool:
        if self.operator == "!=":
            return self._differs(version)
        if version.prerelease and not self.version.prerelease:
            return False
        order = compare(version, self.version)
        if ">" in self.operator and "~" not in self.operator:
            return order > 0 or (order == 0 and "=" in self.operator)
        if "<" in self.operator:
            return self._below(version, order)
        if self.operator == "^":
            return order >= 0 and version.numbers[0] == self.version.numbers[0]
        return self._near(version, order) if self.operator[:1] == "~" or self.any_part else order == 0

    def _differs(self, version: Version) -> bool:
        if not self.any_part:
            return compare(version, self.version) != 0
        if version.prerelease and not self.version.prerelease:
            return False
        if version.numbers[0] != self.version.numbers[0]:
            return True
        return version.numbers[1] != self.version.numbers[1] and not self.any_minor

    def _below(self, version: Version, order: int) -> bool:
        if not self.any_part:
            return order < 0 or (order == 0 and self.operator != "<")
        if version.numbers[0] > self.version.numbers[0]:
            return False
        return version.numbers[1] <= self.version.numbers[1] or self.any_minor

    def _near(self, version: Version, order: int) -> bool:
        if order < 0:
            return False
        if self.version.numbers == (0, 0, 0) and not self.any_minor and not self.any_patch:
            return True
        if version.numbers[0] != self.version.numbers[0]:
            return False
        return version.numbers[1] == self.version.numbers[1] or self.any_minor


@FUNCTIONS.add("semverCompare", "string", "string", context=True)
def satisfies(context: Context, constraint: str, version: str) -> bool:
    """Whether the version meets the constraint, such as `>=1.2, <2 || ^3.x`.

    Raises:
        Fault: the constraint or the version cannot be read.
    """
    if len(constraint) > MAX_CONSTRAINT:
        raise Fault(f"a version constraint has at most {MAX_CONSTRAINT} characters")
    context.step(len(constraint) ** 2 // 8)
    text = _RANGE.sub(lambda found: f">= {found[1]}, <= {found[2]}", constraint)
    choices = [[_constraint(part) for part in choice.split(",")] for choice in text.split("||")]
    parsed = parse(version)
    return any(all(part.admits(parsed) for part in choice) for choice in choices)


def _constraint(text: str) -> _Constraint:
    found = _CONSTRAINT.fullmatch(text)
    if not found:
        raise Fault(f"'{text}' is not a version constraint such as >=1.2.3")
    major, minor, patch = found["major"], (found["minor"] or "")[1:], (found["patch"] or "")[1:]
    tail = found["pre"] or ""
    if major in _ANY:
        return _Constraint(found["op"], parse("0.0.0"), any_minor=False, any_part=True, any_patch=False)
    any_minor = minor in _ANY or not minor
    any_patch = not any_minor and patch in _ANY
    if any_minor:
        version = parse(f"{major}.0.0{tail}")
    else:
        version = parse(f"{major}.{minor}.{'0' if any_patch else patch or '0'}{tail}")
    return _Constraint(found["op"], version, any_minor, any_minor or any_patch, any_patch)
