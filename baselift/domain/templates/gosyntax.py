"""Values as Go source: `%#v`."""

from typing import Any

from baselift.domain.templates.floats import shortest
from baselift.domain.templates.limits import Context
from baselift.domain.templates.printing import check_depth, plain
from baselift.domain.templates.quoting import quoted
from baselift.domain.templates.values import GoObject, Slice, Uint8, Uint64, type_name


def go_syntax(value: Any, context: Context, depth: int = 0) -> str:
    """The value as a Go expression."""
    context.step()
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, (Uint8, Uint64)):
        return hex(value)
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, (GoObject, bool, int)):
        return plain(value, context)
    return _collection(value, context, depth + 1)


def _collection(value: Any, context: Context, depth: int) -> str:
    check_depth(depth)
    if isinstance(value, Slice) and value.nil:
        return f"{type_name(value)}(nil)"
    if isinstance(value, dict):
        pieces = [f"{quoted(key)}:{go_syntax(value[key], context, depth)}" for key in sorted(value)]
    else:
        pieces = [go_syntax(item, context, depth) for item in value]
    text = f"{type_name(value)}{{{', '.join(pieces)}}}"
    context.charge(len(text))
    return text
