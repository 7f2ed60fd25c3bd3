"""Azure Storage's limits, as the in-memory store enforces them. Every check raises ValueError."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from baselift.app.ports import Row, Value, Write

_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_QUEUE = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(-[a-z0-9]+)*")
_PROPERTY = re.compile(r"(?!.*__)[A-Za-z_][A-Za-z0-9_]{0,240}")
_RESERVED = {"PartitionKey", "RowKey", "Timestamp", "op"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HALF = re.compile(r"[\ud800-\udfff]")
_COSTLY = re.compile(r"[/\\#?%}-\U0010ffff]")
_KEY = 1024
_LONG = 30_000
_PROPERTIES = 252
_ROWS = 100
_FIRST = datetime(1601, 1, 1, tzinfo=UTC)
_MIB = 1 << 20
_TOKEN = 60
"""Bytes the adapter's own property takes."""


@lru_cache(maxsize=1 << 16)
def table_name(name: str) -> None:
    """3 to 63 letters and digits, a letter first."""
    _demand(_TABLE.fullmatch(name), f"table {name!r}: 3 to 63 letters and digits, a letter first, are right")


def queue_message(queue: str, text: str, delay: float) -> None:
    """A lower-case name, 48 KiB of text, a delay of at most 7 days."""
    _demand(_QUEUE.fullmatch(queue), f"queue {queue!r}: 3 to 63 lower-case letters, digits and dashes are right")
    _demand(len(text.encode()) <= 48 * 1024, f"queue {queue}: a message over 48 KiB")
    _demand(0 <= delay <= 7 * 24 * 3600, f"queue {queue}: delay {delay}; 0 seconds to 7 days are right")


@lru_cache(maxsize=1 << 16)
def key(text: str) -> str:
    """No control characters; 1 KiB as the Azure adapter encodes it."""
    _demand(not _CONTROL.search(text), f"key {text!r} holds a control character")
    _demand(2 * _stored(text) <= _KEY, f"key {text[:60]!r}… takes more than {_KEY} bytes when stored")
    return text


def stored(table: str, row: Row) -> dict[str, Value]:
    """The row's values as they come back: times in UTC, plain types."""
    where = f"{table}/{key(row.partition)}/{key(row.key)}"
    values = {name: _value(f"{where}: property {name}", name, value) for name, value in row.values.items()}
    sizes = [_property_size(name, value) for name, value in values.items()]
    _demand(sum(count for count, _ in sizes) <= _PROPERTIES, f"{where} has more than {_PROPERTIES} properties")
    total = sum(size for _, size in sizes) + 2 * (_stored(row.partition) + _stored(row.key)) + _TOKEN
    _demand(total <= _MIB, f"{where} takes {total} bytes; at most {_MIB} are right")
    return values


def batch(table: str, writes: Sequence[Write]) -> None:
    """1 to 100 different rows of one partition, 4 MiB."""
    _demand(1 <= len(writes) <= _ROWS, f"batch on {table}: {len(writes)} rows; 1 to {_ROWS} are right")
    _demand(len({each.row.partition for each in writes}) == 1, f"batch on {table}: more than one partition")
    twice = [name for name, count in Counter(each.row.key for each in writes).items() if count > 1]
    _demand(not twice, f"batch on {table}: {twice[:3]} more than once")
    sizes = (1024 + len(json.dumps(each.row.values, default=str)) for each in writes if each.kind != "delete")
    _demand(sum(sizes) <= 4 * _MIB, f"batch on {table}: more than 4 MiB")


def metadata(name: str, values: dict[str, str]) -> None:
    """Keys are identifiers, values printable ASCII."""
    for each, value in values.items():
        right = each.isascii() and each.isidentifier() and value.isascii() and value.isprintable()
        _demand(right, f"log {name}: metadata {each!r}={value!r}; an identifier and printable ASCII are right")


def _demand(right: object, message: str) -> None:
    if not right:
        raise ValueError(message)


def _stored(text: str) -> int:
    return len(text) + sum(6 if char >= "}" else 1 for char in _COSTLY.findall(text))


def _value(where: str, name: str, value: Value) -> Value:
    _demand(name not in _RESERVED and _PROPERTY.fullmatch(name), f"{where}: letters, digits and single '_' are right")
    if isinstance(value, str):
        _demand(not _HALF.search(value), f"{where} holds half of a surrogate pair")
        return str(value)
    if isinstance(value, datetime):
        _demand(value.tzinfo and value >= _FIRST, f"{where} is {value}; a time with a zone, from 1601 on, is right")
        return value.astimezone(UTC)
    if not isinstance(value, bool | int | float):
        raise TypeError(f"{where} is a {type(value).__name__}; str, int, bool, float or datetime is right")
    _demand(isinstance(value, float) or -(1 << 63) <= value < 1 << 63, f"{where} is {value}; 64 bits are right")
    return value


def _property_size(name: str, value: Value) -> tuple[int, int]:
    """Properties and bytes a value takes, long strings in parts."""
    if not isinstance(value, str):
        return 1, 16 + 2 * len(name)
    length = len(value.encode("utf-16-le"))
    wide = length != 2 * len(value)
    parts = max(1, -(-len(value) // (_LONG // 2 if wide else _LONG)))
    return parts, length + parts * (12 + 2 * len(name)) + 2 * sum(2 + len(str(part)) for part in range(1, parts))
