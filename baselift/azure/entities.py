"""Rows as entities of Azure Table storage, within its limits.

Limits from "Understanding the Table service data model": 252 properties of ours, 64 KiB for a string (UTF-16), 1 MiB
for an entity, dates from 1601. A longer string is stored in parts: ``x``, ``x__1``, ``x__2`` …
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from azure.data.tables import EdmType, EntityProperty

from baselift.app.ports import Row, Value
from baselift.azure.keys import decode as plain
from baselift.azure.keys import key as stored

OP = "op"
"""Property that holds the token of the write: by it a writer whose answer was lost knows its own row."""

PART = 30_000
ENTITY = 1 << 20
PROPERTIES = 252
_NAME = re.compile(r"(?!.*__)[A-Za-z_][A-Za-z0-9_]{0,240}")
_TAKEN = {"PartitionKey", "RowKey", "Timestamp", OP}
_FIRST = datetime(1601, 1, 1, tzinfo=UTC)
_HIGHEST_BMP = "\uffff"


def to_entity(table: str, row: Row, op: str) -> dict[str, Any]:
    """The row as the SDK writes it. Raises ValueError naming table, key and property for what Azure would refuse."""
    where = f"{table}/{row.partition}/{row.key}"
    entity: dict[str, Any] = {"PartitionKey": stored(row.partition), "RowKey": stored(row.key), OP: op}
    for name, value in row.values.items():
        if name in _TAKEN or not _NAME.fullmatch(name):
            raise ValueError(f"{where}: property name {name!r}; letters, digits and single '_' are right, not {_TAKEN}")
        entity.update(_properties(f"{where}: property {name}", name, value))
    if len(entity) - 3 > PROPERTIES:
        raise ValueError(f"{where} has {len(entity) - 3} properties; at most {PROPERTIES} are right")
    if (size := sum(_size(name, value) for name, value in entity.items())) > ENTITY:
        raise ValueError(f"{where} takes {size} bytes; at most {ENTITY} are right")
    return entity


def to_row(entity: Mapping[str, Any], etag: str) -> Row:
    """The row of an entity the SDK read."""
    values: dict[str, Value] = {}
    for name, value in sorted(entity.items(), key=_part):
        first, _, part = name.partition("__")
        if part:
            values[first] = f"{values[first]}{value}"
        elif name not in _TAKEN:
            values[name] = _value(value)
    return Row(plain(entity["PartitionKey"]), plain(entity["RowKey"]), values, etag)


def _part(item: tuple[str, Any]) -> int:
    return int(item[0].partition("__")[2] or 0)


def _value(value: Any) -> Value:
    if isinstance(value, EntityProperty):
        return int(value.value)
    if isinstance(value, datetime):
        return datetime.combine(value.date(), value.time(), tzinfo=UTC)
    if isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"the table holds a {type(value).__name__}, which Baselift never writes")


def _properties(where: str, name: str, value: Value) -> Iterator[tuple[str, Any]]:
    if isinstance(value, str):
        yield from _parts(where, name, str(value))
    elif isinstance(value, bool | float):
        yield name, value
    elif isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{where} is {value}; an integer of 64 bits is right")
        yield name, EntityProperty(value, EdmType.INT64)
    elif isinstance(value, datetime):
        yield name, _date(where, value)
    else:
        raise TypeError(f"{where} is a {type(value).__name__}; str, int, bool, float or datetime is right")


def _parts(where: str, name: str, text: str) -> Iterator[tuple[str, str]]:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where} holds half of a surrogate pair; text is right") from None
    length = PART if text.isascii() or max(text) <= _HIGHEST_BMP else PART // 2
    yield name, text[:length]
    for number, start in enumerate(range(length, len(text), length), 1):
        yield f"{name}__{number}", text[start : start + length]


def _date(where: str, value: datetime) -> EntityProperty:
    if value.tzinfo is None or value < _FIRST:
        raise ValueError(f"{where} is {value.isoformat()}; a time with a zone, from 1601 on, is right")
    return EntityProperty(value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), EdmType.DATETIME)


def _size(name: str, value: Any) -> int:
    width = 4 + len(value.encode("utf-16-le")) if isinstance(value, str) else 8
    return 8 + 2 * len(name) + width
