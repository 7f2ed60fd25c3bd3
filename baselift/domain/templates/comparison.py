"""Go's comparison functions: eq, ne, lt, le, gt, ge, and reflect.DeepEqual."""

from typing import Any

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import Context
from baselift.domain.templates.printing import check_depth
from baselift.domain.templates.text import encode
from baselift.domain.templates.values import GoObject, Slice, Uint8, Uint64, is_number, kind_name, type_name

FUNCTIONS = Registry()


def _basic(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if is_number(value):
        return "uint" if isinstance(value, (Uint8, Uint64)) else "int"
    return {str: "string", float: "float"}.get(type(value), "")


@FUNCTIONS.add("eq", "value", rest="value")
def equal(first: Any, *others: Any) -> bool:
    """True when any of the others equals the first."""
    if not others:
        raise Fault("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(first: Any, second: Any) -> bool:
    left, right = _basic(first), _basic(second)
    if {left, right} == {"int", "uint"}:
        return bool(first == second)
    if left != right:
        if first is None or second is None:
            return False
        raise Fault(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")
    if left:
        return bool(first == second)
    return _equal_references(first, second)


def _equal_references(first: Any, second: Any) -> bool:
    if first is not None and second is not None and kind_name(first) != kind_name(second):
        raise Fault(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")
    left, right = _is_nil(first), _is_nil(second)
    if left or right:
        return left == right
    if not isinstance(second, GoObject):
        raise Fault(f"type {type_name(second)} cannot be compared")
    return bool(first == second)


def _is_nil(value: Any) -> bool:
    return value is None or (isinstance(value, Slice) and value.nil)


@FUNCTIONS.add("ne", "value", "value")
def unequal(first: Any, second: Any) -> bool:
    """Not `eq`."""
    return not equal(first, second)


@FUNCTIONS.add("lt", "value", "value")
def less(first: Any, second: Any) -> bool:
    """Order of numbers of one kind, or of strings by their bytes."""
    left, right = _basic(first), _basic(second)
    if not left or not right or (left == right == "bool"):
        raise Fault("invalid type for comparison")
    if left != right and {left, right} != {"int", "uint"}:
        raise Fault(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")
    if isinstance(first, str):
        return encode(first) < encode(second)
    return bool(first < second)


@FUNCTIONS.add("le", "value", "value")
def at_most(first: Any, second: Any) -> bool:
    """`lt` or `eq`."""
    return less(first, second) or equal(first, second)


@FUNCTIONS.add("gt", "value", "value")
def more(first: Any, second: Any) -> bool:
    """Neither `lt` nor `eq`."""
    return not at_most(first, second)


@FUNCTIONS.add("ge", "value", "value")
def at_least(first: Any, second: Any) -> bool:
    """Not `lt`."""
    return not less(first, second)


def deep_equal(context: Context, first: Any, second: Any, depth: int = 0) -> bool:
    """Equal in type and in every part."""
    context.step()
    check_depth(depth)
    if type_name(first) != type_name(second):
        return False
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            deep_equal(context, item, second[key], depth + 1) for key, item in first.items()
        )
    if isinstance(first, list):
        return (
            len(first) == len(second)
            and _is_nil(first) == _is_nil(second)
            and all(deep_equal(context, left, right, depth + 1) for left, right in zip(first, second, strict=True))
        )
    return bool(first == second)
