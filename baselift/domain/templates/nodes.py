"""What a template is made of once it is parsed."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Pipeline:
    """Commands joined by `|`, whose value may be stored in variables."""

    line: int
    names: tuple[str, ...]
    assigns: bool
    commands: list["Command"]


@dataclass(slots=True)
class Command:
    """A function, field, variable or literal with its arguments."""

    args: list[Any]


@dataclass(slots=True)
class Text:
    """Text that is copied."""

    text: str


@dataclass(slots=True)
class Action:
    """A pipeline whose value is printed, unless it is stored."""

    pipe: Pipeline


@dataclass(slots=True)
class Choice:
    """`if` or `with`, with every `else if` or `else with`."""

    sets_dot: bool
    branches: list[tuple[Pipeline, list[Any]]]
    otherwise: list[Any]


@dataclass(slots=True)
class Range:
    """A loop."""

    pipe: Pipeline
    body: list[Any]
    otherwise: list[Any]


@dataclass(slots=True)
class Invoke:
    """`template` or the place of a `block`."""

    line: int
    name: str
    pipe: Pipeline | None


@dataclass(slots=True)
class Break:
    """Leaves the loop."""


@dataclass(slots=True)
class Continue:
    """Goes on with the next element."""


@dataclass(slots=True)
class Dot:
    """The current value."""


@dataclass(slots=True)
class Nil:
    """The untyped nil."""


@dataclass(slots=True)
class Bool:
    """`true` or `false`."""

    value: bool


@dataclass(slots=True)
class String:
    """A string literal, unquoted."""

    value: str


@dataclass(slots=True)
class Number:
    """A number literal and everything it can be: Go's constants have no type until they are used."""

    text: str
    integer: int | None
    unsigned: int | None
    real: float | None
    is_real: bool


@dataclass(slots=True)
class Field:
    """`.a.b`."""

    names: list[str]


@dataclass(slots=True)
class Variable:
    """`$x.a.b`."""

    name: str
    names: list[str]


@dataclass(slots=True)
class Chain:
    """`(...).a.b`."""

    node: Any
    names: list[str]


@dataclass(slots=True)
class Identifier:
    """A function by name."""

    name: str
