"""Binding expressions: `{name}` in an output binding's text, filled in at each call."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def expand(text: str, data: Mapping[str, Any]) -> str:
    """The text with each `{name}` or `{a.b}` replaced from `data` (names in any case).

    Raises:
        ValueError: a name is not in the data.
    """
    return re.sub(r"\{([^{}]+)\}", lambda match: _value(match[1], data), text) if "{" in text else text


def _value(expression: str, data: Mapping[str, Any]) -> str:
    lowered = expression.lower()
    if lowered in {"rand-guid", "sys.randguid"}:
        return str(uuid.uuid4())
    if lowered in {"datetime", "sys.utcnow"}:
        return datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    value: Any = data
    for part in expression.split("."):
        value = _member(value, part.strip())
    if value is None:
        raise ValueError(f"'{{{expression}}}' has no value in this call")
    return str(value)


def _member(value: Any, name: str) -> Any:
    if not hasattr(value, "items"):
        return None
    return next((item for key, item in value.items() if key.lower() == name.lower()), None)
