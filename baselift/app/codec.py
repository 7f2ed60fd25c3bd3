"""Domain values to JSON and back, by their type hints: one rule for every stored document."""

import json
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def dump(value: Any) -> str:
    """A dataclass as compact JSON; times as RFC 3339."""
    return json.dumps(_plain(value), default=datetime.isoformat, separators=(",", ":"), ensure_ascii=False)


def load(kind: type[T], text: str) -> T:
    """The dataclass that `dump` wrote. Fields that `kind` no longer has are ignored; new ones take their defaults."""
    return _reader(kind)(json.loads(text))  # type: ignore[arg-type, no-any-return]


def _plain(value: Any) -> Any:
    """A dataclass as a dict, all the way down. `dataclasses.asdict` copies each value and takes three times as long."""
    names = _names(type(value))  # type: ignore[arg-type]
    if names is not None:
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


@cache
def _names(kind: type) -> tuple[str, ...] | None:
    return tuple(each.name for each in fields(kind)) if is_dataclass(kind) else None


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """What reads values of a type: made once, since looking at type hints takes longer than reading."""
    read = _reader_of_value(kind)
    return read if read is _as_it_is else lambda value: None if value is None else read(value)


def _reader_of_value(kind: Any) -> Callable[[Any], Any]:
    origin = get_origin(kind)
    if origin in (types.UnionType, Union):
        return _reader(next(arg for arg in get_args(kind) if arg is not type(None)))
    if origin in (Sequence, tuple):
        item = _reader(get_args(kind)[0])
        return tuple if item is _as_it_is else lambda values: tuple(map(item, values))
    if is_dataclass(kind):
        return _reader_of_dataclass(kind)
    if kind is datetime:
        return datetime.fromisoformat
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind
    return dict if origin is Mapping else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value


def _reader_of_dataclass(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    names = [each.name for each in fields(kind)]
    # Most fields are what they are in JSON: only the others take a call for each value.
    readers = [(name, read) for name in names if (read := _reader(hints[name])) is not _as_it_is]

    def whole(given: Any) -> Any:
        values = {name: given[name] for name in names if name in given}
        for name, reader in readers:
            if name in values:
                values[name] = reader(values[name])
        return kind(**values)

    return whole
