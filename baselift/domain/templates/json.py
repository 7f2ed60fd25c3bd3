"""JSON as Go's encoding/json writes it: keys sorted, HTML characters escaped."""

import json
import math
import re
from typing import Any

from baselift.domain.templates.floats import shortest
from baselift.domain.templates.limits import Context
from baselift.domain.templates.printing import check_depth
from baselift.domain.templates.text import decode, encode
from baselift.domain.templates.values import GoObject, Slice

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_BROKEN = re.compile("[\udc80-\udcff]")  # bytes that are no character


class _NoJsonError(Exception):
    """The value has no JSON form; sprig then gives the empty string."""


def compact(context: Context, value: Any) -> str:
    """JSON on one line; empty when a number has no JSON form."""
    return _written(context, value, "")


def pretty(context: Context, value: Any) -> str:
    """JSON indented by two blanks."""
    return _written(context, value, "\n")


def _written(context: Context, value: Any, line: str) -> str:
    try:
        return _Writer(context, bool(line)).write(value, line, 0)
    except _NoJsonError:
        return ""


class _Writer:
    def __init__(self, context: Context, indents: bool) -> None:  # noqa: FBT001 - private
        self.context = context
        self.indents = indents

    def write(self, value: Any, line: str, depth: int) -> str:
        self.context.step()
        check_depth(depth)
        if isinstance(value, GoObject):
            value = value.json()
        if isinstance(value, str):
            return _string(value)
        if isinstance(value, float):
            return _float(value)
        if value is None or (isinstance(value, Slice) and value.nil):
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        return int.__repr__(value) if isinstance(value, int) else self._collection(value, line, depth + 1)

    def _collection(self, value: Any, line: str, depth: int) -> str:
        inner = line + "  " if self.indents else ""
        if isinstance(value, dict):
            mark = ": " if self.indents else ":"
            pieces = [_string(key) + mark + self.write(value[key], inner, depth) for key in sorted(value, key=encode)]
            opening, closing = "{}"
        else:
            pieces = [self.write(item, inner, depth) for item in value]
            opening, closing = "[]"
        if not pieces:
            return opening + closing
        self.context.charge(sum(map(len, pieces)) + len(pieces) * (len(inner) + 2))
        return opening + inner + ("," + inner).join(pieces) + line + closing


def _string(text: str) -> str:
    normal = decode(encode(text))
    return _BROKEN.sub(r"\\ufffd", json.dumps(normal, ensure_ascii=False).translate(_ESCAPES))


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise _NoJsonError
    return shortest(value, low=-6, high=21, width=1)
