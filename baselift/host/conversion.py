"""Values between the host and Python, by the converters of azure.functions that the real worker uses as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import azure.functions as func
from azure.functions import get_binding_registry
from azure.functions.meta import Datum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baselift.host.model import Binding

GENERIC = "generic"


class Out(func.Out[Any]):
    """The argument that a function gets for an output binding."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


def accepts(converter: str, annotation: Any, *, out: bool) -> bool:
    """Whether a parameter with this annotation suits the binding type; the generic converter takes text and bytes."""
    if converter == GENERIC:
        return True
    found = _converter(converter)
    check = getattr(found, "check_output_type_annotation" if out else "check_input_type_annotation", None)
    try:
        return bool(check(annotation)) if check else True
    except TypeError:
        return False


def decode(binding: Binding, datum: Datum, metadata: Mapping[str, Datum]) -> Any:
    """The Python argument for a trigger value.

    Raises:
        TypeError: the converter of this binding does not take such a value.
    """
    found = _converter(binding.converter)
    if found is None:
        if datum.type in {"string", "bytes", "json", None}:
            return datum.value
        raise TypeError(f"{binding.type} {binding.name!r} cannot be given as text or bytes")
    try:
        return found.decode(datum, trigger_metadata=metadata)
    except NotImplementedError:
        raise TypeError(f"{binding.type} {binding.name!r} cannot take a value of type {datum.type!r}") from None


def encode(binding: Binding, value: Any) -> Datum:
    """What a function set or returned, as the host takes it.

    Raises:
        TypeError: the converter of this binding does not take such a value.
    """
    found = _converter(binding.converter)
    if found is None:
        return _generic(binding, value)
    try:
        encoded = found.encode(value, expected_type=binding.annotation)
    except NotImplementedError:
        raise TypeError(f"{binding.type} {binding.name!r} cannot take a value of type {type(value).__name__}") from None
    return encoded if encoded is not None else Datum(None, None)


def _generic(binding: Binding, value: Any) -> Datum:
    if isinstance(value, str):
        return Datum(value, "string")
    if isinstance(value, bytes | bytearray):
        return Datum(bytes(value), "bytes")
    if value is None:
        return Datum(None, None)
    raise TypeError(f"{binding.type} {binding.name!r} cannot take a value of type {type(value).__name__}")


def _converter(name: str) -> Any:
    return None if name == GENERIC else get_binding_registry().get(name)
