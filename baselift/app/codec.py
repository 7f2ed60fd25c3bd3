"""Domain values to JSON and back, by their type hints: one rule for every stored document."""

import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def dump(value: Any) -> str:
    """A dataclass as compact JSON; times as RFC 3339."""
    return json.dumps(asdict(value), default=datetime.isoformat, separators=(",", ":"), ensure_ascii=False)


def load(kind: type[T], text: str) -> T:
    """The dataclass that `dump` wrote. Fields that `kind` no longer has are ignored; new ones take their defaults."""
    return _read(kind, json.loads(text))  # type: ignore[no-any-return]


def _read(kind: Any, value: Any) -> Any:
    if value is None or kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        return _read(next(arg for arg in get_args(kind) if arg is not type(None)), value)
    if origin in (Sequence, tuple):
        return tuple(_read(get_args(kind)[0], item) for item in value)
    if is_dataclass(kind):
        hints = _hints(kind)  # type: ignore[arg-type]
        return kind(**{name: _read(hint, value[name]) for name, hint in hints.items() if name in value})  # type: ignore[operator]
    return _scalar(kind, value)


def _scalar(kind: Any, value: Any) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    return dict(value) if get_origin(kind) is Mapping else value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}
