"""Sprig's list functions."""

from typing import Any

from baselift.domain.templates.comparison import deep_equal
from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import ELEMENT, Context
from baselift.domain.templates.maths import to_int64
from baselift.domain.templates.values import Ints, Slice, empty, type_name

FUNCTIONS = Registry()


def _checked(value: Any, action: str) -> list[Any]:
    if not isinstance(value, list):
        raise Fault(f"cannot {action} type {type_name(value)}; a list is needed")
    return value


@FUNCTIONS.add("list tuple", rest="any")
def make(*values: Any) -> list[Any]:
    """The values as a list."""
    return list(values)


@FUNCTIONS.add("append push", "any", "any")
def append(values: Any, value: Any) -> list[Any]:
    """A longer list."""
    return [*_checked(values, "append to"), value]


@FUNCTIONS.add("prepend", "any", "any")
def prepend(values: Any, value: Any) -> list[Any]:
    """A longer list, the new value first."""
    return [value, *_checked(values, "prepend to")]


@FUNCTIONS.add("first", "any")
def first(values: Any) -> Any:
    """The first value, nil for an empty list."""
    return next(iter(_checked(values, "take the first of")), None)


@FUNCTIONS.add("last", "any")
def last(values: Any) -> Any:
    """The last value, nil for an empty list."""
    return next(reversed(_checked(values, "take the last of")), None)


@FUNCTIONS.add("rest", "any")
def rest(values: Any) -> list[Any]:
    """All but the first; the nil list for an empty one."""
    return list(values[1:]) if _checked(values, "take the rest of") else Slice.absent()


@FUNCTIONS.add("initial", "any")
def initial(values: Any) -> list[Any]:
    """All but the last; the nil list for an empty one."""
    return list(values[:-1]) if _checked(values, "take the initial part of") else Slice.absent()


@FUNCTIONS.add("reverse", "any")
def reverse(values: Any) -> list[Any]:
    """The values in opposite order."""
    return list(reversed(_checked(values, "reverse")))


@FUNCTIONS.add("compact", "any")
def compact(values: Any) -> list[Any]:
    """The values that are not empty."""
    return [value for value in _checked(values, "compact") if not empty(value)]


def _contains(context: Context, values: list[Any], wanted: Any) -> bool:
    return any(deep_equal(context, wanted, value) for value in values)


@FUNCTIONS.add("uniq", "any", context=True)
def unique(context: Context, values: Any) -> list[Any]:
    """Every value once, in the order of first appearance."""
    kept: list[Any] = []
    for value in _checked(values, "make unique"):
        if not _contains(context, kept, value):
            kept.append(value)
    return kept


@FUNCTIONS.add("without", "any", rest="any", context=True)
def without(context: Context, values: Any, *omitted: Any) -> list[Any]:
    """The values that are none of the others."""
    return [value for value in _checked(values, "filter") if not _contains(context, list(omitted), value)]


@FUNCTIONS.add("has", "any", "any", context=True)
def has(context: Context, wanted: Any, values: Any) -> bool:
    """Whether the list has an equal value of the same type."""
    return values is not None and _contains(context, _checked(values, "search"), wanted)


@FUNCTIONS.add("slice", "any", rest="any")
def part(values: Any, *indices: Any) -> Any:
    """From the first index up to the second; nil for an empty list."""
    if not _checked(values, "slice"):
        return None
    start = int(to_int64(indices[0])) if indices else 0
    end = int(to_int64(indices[1])) if len(indices) > 1 else len(values)
    if not 0 <= start <= end <= len(values):
        raise Fault(f"indexes {start} to {end} are not within the {len(values)} values of the list")
    kind = type(values)
    return kind(values[start:end])


@FUNCTIONS.add("concat", rest="any", context=True)
def concatenate(context: Context, *lists: Any) -> list[Any]:
    """All lists as one; the nil list when nothing is in it."""
    joined: list[Any] = []
    for values in lists:
        context.charge(ELEMENT * len(_checked(values, "concatenate")))
        joined += values
    return joined or Slice.absent()


@FUNCTIONS.add("until", "int", context=True)
def until(context: Context, count: int) -> Ints:
    """0 up to but not with `count`, or down to it when it is negative."""
    return until_step(context, 0, count, -1 if count < 0 else 1)


@FUNCTIONS.add("untilStep", "int", "int", "int", context=True)
def until_step(context: Context, start: int, stop: int, step: int) -> Ints:
    """`start` up or down to but not with `stop`; empty when the step goes the other way."""
    if step == 0 or (step > 0) == (stop < start):
        return Ints()
    numbers = range(start, stop, step)
    context.charge(ELEMENT * max(0, (abs(stop - start) + abs(step) - 1) // abs(step)))
    context.step(len(numbers) // 16)
    return Ints(numbers)
