"""Entity group transactions within Azure's rules, some of which Azurite lets pass."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from azure.core import MatchConditions
from azure.data.tables import UpdateMode

from baselift.app.ports import Write

ROWS = 100
PAYLOAD = 4 << 20
ENVELOPE = 1024
"""Bytes of headers, keys and token around one row, with room to spare."""

Operation = tuple[str, Mapping[str, Any], Mapping[str, Any]]


def check(table: str, writes: Sequence[Write]) -> None:
    """Raises ValueError unless these are 1 to 100 different rows of one partition in at most 4 MiB."""
    if not 1 <= len(writes) <= ROWS:
        raise ValueError(f"batch on {table}: {len(writes)} rows; 1 to {ROWS} are right")
    partitions = {write.row.partition for write in writes}
    if len(partitions) > 1:
        raise ValueError(f"batch on {table}: partitions {sorted(partitions)[:3]}; one partition is right")
    keys = [write.row.key for write in writes]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise ValueError(f"batch on {table}: {sorted(twice)[:3]} more than once; one write for each row is right")
    size = sum(ENVELOPE + len(json.dumps(write.row.values, default=str)) for write in writes if write.kind != "delete")
    if size > PAYLOAD:
        raise ValueError(f"batch on {table}: about {size} bytes; at most {PAYLOAD} are right")


def operations(writes: Sequence[Write], entities: Sequence[Mapping[str, Any]]) -> list[Operation]:
    """The writes, with their entities, as the SDK takes them."""
    return [_operation(write, entity) for write, entity in zip(writes, entities, strict=True)]


def _operation(write: Write, entity: Mapping[str, Any]) -> Operation:
    etag = write.row.etag
    condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
    match write.kind:
        case "insert":
            return "create", entity, {}
        case "upsert":
            return "upsert", entity, {"mode": UpdateMode.REPLACE}
        case "replace":
            return "update", entity, {"mode": UpdateMode.REPLACE, **condition}
        case "delete":
            return "delete", entity, condition
