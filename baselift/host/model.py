"""What the host knows of a function after indexing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding of a function; `properties` are its texts with every `%NAME%` resolved.

    `converter` is the type name by which azure.functions converts the value: the binding's own type, or "generic" where
    the Python annotation is `str` or `bytes`. `annotation` is the Python type that the function declares, if any.
    """

    name: str
    type: str
    out: bool
    properties: Mapping[str, Any]
    converter: str
    annotation: Any = None


@dataclass(frozen=True, slots=True)
class Function:
    """A function that can be run. `outputs` excludes `returned`, the `$return` binding."""

    name: str
    call: Callable[..., Any]
    is_async: bool
    wants_context: bool
    trigger: Binding
    outputs: tuple[Binding, ...]
    returned: Binding | None
    directory: str
    disabled: bool = False
