"""Sprig's dictionary functions, and those that choose between values."""

from typing import Any

from baselift.domain.templates.comparison import deep_equal
from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import ELEMENT, Context
from baselift.domain.templates.printing import as_text, check_depth
from baselift.domain.templates.values import GoObject, Slice, Strings, empty, kind_name, type_name

FUNCTIONS = Registry()
_ENTRY = 64

FUNCTIONS.add("empty", "any")(empty)
FUNCTIONS.add("ternary", "any", "any", "bool")(lambda yes, no, test: yes if test else no)
FUNCTIONS.add("kindOf", "any")(kind_name)
FUNCTIONS.add("kindIs", "string", "any")(lambda name, value: kind_name(value) == name)
FUNCTIONS.add("typeIs", "string", "any")(lambda name, value: type_name(value) == name)
FUNCTIONS.add("typeIsLike", "string", "any")(lambda name, value: type_name(value) in (name, "*" + name))
FUNCTIONS.add("hasKey", "map", "string")(lambda values, key: key in values)
FUNCTIONS.add("deepEqual", "any", "any", context=True)(deep_equal)


@FUNCTIONS.add("default", "any", rest="any")
def default(fallback: Any, *given: Any) -> Any:
    """The value given, or the fallback when it is empty."""
    return fallback if not given or empty(given[0]) else given[0]


@FUNCTIONS.add("coalesce", rest="any")
def coalesce(*values: Any) -> Any:
    """The first value that is not empty."""
    return next((value for value in values if not empty(value)), None)


@FUNCTIONS.add("dict", rest="any", context=True)
def make(context: Context, *pairs: Any) -> dict[str, Any]:
    """Keys and values in turn; a last key without a value gets the empty string."""
    context.charge(_ENTRY * len(pairs))
    made: dict[str, Any] = {}
    for place in range(0, len(pairs), 2):
        made[as_text(pairs[place], context)] = pairs[place + 1] if place + 1 < len(pairs) else ""
    return made


@FUNCTIONS.add("set", "map", "string", "any", context=True)
def set_key(context: Context, values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Changes the dictionary itself."""
    context.charge(_ENTRY)
    values[key] = value
    return values


@FUNCTIONS.add("unset", "map", "string")
def unset(values: dict[str, Any], key: str) -> dict[str, Any]:
    """Removes the key from the dictionary itself."""
    values.pop(key, None)
    return values


@FUNCTIONS.add("pluck", "string", rest="map")
def pluck(key: str, *dicts: dict[str, Any]) -> list[Any]:
    """The key's value in each dictionary that has it."""
    return [values[key] for values in dicts if key in values]


@FUNCTIONS.add("keys", rest="map", context=True)
def keys(context: Context, *dicts: dict[str, Any]) -> Strings:
    """The keys of every dictionary, sorted: Go leaves their order open."""
    context.charge(ELEMENT * sum(map(len, dicts)))
    return Strings([key for values in dicts for key in sorted(values)])


@FUNCTIONS.add("values", "map", context=True)
def values_of(context: Context, values: dict[str, Any]) -> list[Any]:
    """The values in the order of their keys: Go leaves it open."""
    context.charge(ELEMENT * len(values))
    return [values[key] for key in sorted(values)]


@FUNCTIONS.add("pick", "map", rest="string")
def pick(values: dict[str, Any], *wanted: str) -> dict[str, Any]:
    """A dictionary of only these keys."""
    return {key: values[key] for key in wanted if key in values}


@FUNCTIONS.add("omit", "map", rest="string", context=True)
def omit(context: Context, values: dict[str, Any], *unwanted: str) -> dict[str, Any]:
    """A dictionary without these keys."""
    context.charge(_ENTRY * len(values))
    return {key: value for key, value in values.items() if key not in unwanted}


@FUNCTIONS.add("merge", "map", rest="map", context=True)
def merge(context: Context, target: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    """Fills what is missing or empty in the first dictionary, in depth; changes it."""
    for source in sources:
        _merge(context, target, source, 0, overwrites=False)
    return target


@FUNCTIONS.add("mergeOverwrite", "map", rest="map", context=True)
def merge_overwrite(context: Context, target: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    """Later dictionaries win over the first, in depth; changes it."""
    for source in sources:
        _merge(context, target, source, 0, overwrites=True)
    return target


def _merge(context: Context, target: dict[str, Any], source: dict[str, Any], depth: int, *, overwrites: bool) -> None:
    check_depth(depth)
    if target is source:
        return
    context.charge(_ENTRY * len(source))
    for key, value in list(source.items()):
        context.step()
        _merge_key(context, target, key, value, depth, overwrites=overwrites)


def _merge_key(context: Context, target: dict[str, Any], key: str, value: Any, depth: int, *, overwrites: bool) -> None:
    present = target.get(key)
    if value is None:
        if overwrites:
            target[key] = None
        return
    if type(value) is dict and type(present) is dict:
        _merge(context, present, value, depth + 1, overwrites=overwrites)
    if isinstance(value, list) and (overwrites or not target):
        target[key] = value
    if not _is_zero(present) and isinstance(value, (dict, list)):
        return
    if overwrites or _is_zero(present):
        target[key] = value


def _is_zero(value: Any) -> bool:
    return not isinstance(value, GoObject) and not value


@FUNCTIONS.add("deepCopy", "any", context=True)
def deep_copy(context: Context, value: Any) -> Any:
    """A copy that shares nothing with the value.

    Raises:
        Fault: the value is nil.
    """
    if value is None:
        raise Fault("nil has no type and cannot be copied")
    return _copied(context, value, 0)


def _copied(context: Context, value: Any, depth: int) -> Any:
    context.step()
    check_depth(depth)
    if isinstance(value, dict):
        context.charge(_ENTRY * len(value))
        return type(value)({key: _copied(context, item, depth + 1) for key, item in value.items()})
    if isinstance(value, Slice) and value.nil:
        return value
    if isinstance(value, list):
        context.charge(ELEMENT * len(value))
        return type(value)([_copied(context, item, depth + 1) for item in value])
    return value
