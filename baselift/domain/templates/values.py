"""Go's types where Python's have one for several.

`None` is nil, `bool`, `str`, `float` are themselves, `int` is Go's `int`, `list` is `[]interface {}` and `dict` is
`map[string]interface {}`. Everything else a template can hold is one of the classes here or a `GoObject`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.limits import MAX_DATA_DEPTH

INT64_MIN, INT64_MAX, UINT64_MAX = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1


class Int64(int):
    """Go's `int64`, which is not assignable to `int`."""

    __slots__ = ()


class Uint8(int):
    """Go's `uint8`: what indexing a string gives."""

    __slots__ = ()


class Uint64(int):
    """Go's `uint64`: numbers in data that `int` cannot hold."""

    __slots__ = ()


class Slice(list[Any]):
    """A slice; `nil` is true for one that was never made, which JSON shows as null."""

    go_type: ClassVar[str] = "[]interface {}"
    nil: bool = False

    @classmethod
    def absent(cls) -> "Slice":
        """The nil slice of this type."""
        made = cls()
        made.nil = True
        return made


class Strings(Slice):
    """Go's `[]string`."""

    go_type = "[]string"


class Ints(Slice):
    """Go's `[]int`."""

    go_type = "[]int"


class StringMap(dict[str, str]):
    """Go's `map[string]string`: a missing key gives the empty string."""


class GoObject(ABC):
    """A value with named fields and methods, none of them Python's."""

    go_type: ClassVar[str]
    go_kind: ClassVar[str] = "struct"

    @abstractmethod
    def text(self) -> str:
        """As `%v` shows it."""

    def json(self) -> Any:
        """What JSON is made of."""
        return self.text()

    def fields(self) -> Mapping[str, Any]:
        """Values by exported field name."""
        return {}

    def methods(self) -> Mapping[str, Any]:
        """Bound `Function`s by exported name."""
        return {}


_SCALARS: dict[type, tuple[str, str]] = {
    bool: ("bool", "bool"),
    int: ("int", "int"),
    float: ("float64", "float64"),
    str: ("string", "string"),
    Int64: ("int64", "int64"),
    Uint8: ("uint8", "uint8"),
    Uint64: ("uint64", "uint64"),
    list: ("[]interface {}", "slice"),
    dict: ("map[string]interface {}", "map"),
    StringMap: ("map[string]string", "map"),
    type(None): ("<nil>", "invalid"),
}


def type_name(value: Any) -> str:
    """The type as Go's `%T` names it."""
    known = _SCALARS.get(type(value))
    return known[0] if known else str(value.go_type)


def kind_name(value: Any) -> str:
    """The kind as Go's `reflect.Kind` names it."""
    known = _SCALARS.get(type(value))
    if known:
        return known[1]
    return value.go_kind if isinstance(value, GoObject) else "slice"


def wrapped(number: int) -> int:
    """The number as 64 bits hold it."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def is_number(value: Any) -> bool:
    """True for every integer type, not for bool or float."""
    return isinstance(value, int) and not isinstance(value, bool)


def truth(value: Any) -> bool:
    """Go's truth: everything that is not the zero or the empty value of its type."""
    return True if isinstance(value, GoObject) else bool(value)


def empty(value: Any) -> bool:
    """What sprig's `default` replaces."""
    return not truth(value)


def load(value: Any, depth: int = 0) -> Any:
    """A copy of the caller's data in this model, which templates may change.

    Raises:
        Fault: the data is nested too deeply, or holds a value no template can use.
    """
    if depth > MAX_DATA_DEPTH:
        raise Fault(f"the data is nested more than {MAX_DATA_DEPTH} levels deep")
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, Mapping):
        return {str(key): load(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [load(item, depth + 1) for item in value]
    raise Fault(f"the data holds a {type(value).__name__}; it must be text, numbers, booleans, lists, maps or null")


def _integer(value: int) -> Any:
    if INT64_MIN <= value <= INT64_MAX:
        return int(value)
    return Uint64(value) if 0 <= value <= UINT64_MAX else float(value)
