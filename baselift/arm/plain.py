"""Values of use cases as the API prints them: names in camel case, nothing left out."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any


def document(value: Any) -> Any:
    """A dataclass, or a sequence of them, as JSON: ``built_on`` becomes ``builtOn``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_camel(field.name): document(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [document(each) for each in value]
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
