"""The checks of the Python worker: a function's parameters against its bindings."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any

import azure.functions as func

from baselift.host import conversion
from baselift.host.errors import FunctionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RETURN = "$return"


def resolved_annotations(call: Callable[..., Any]) -> dict[str, Any]:
    """The resolved annotations of a function.

    Raises:
        FunctionError: an annotation names something that cannot be found at run time.
    """
    try:
        return typing.get_type_hints(call)
    except Exception as error:  # noqa: BLE001 - an annotation may run any code
        raise FunctionError(f"its annotations cannot be resolved: {error}") from None


def check_names(call: Callable[..., Any], bound: set[str], hints: Mapping[str, Any]) -> bool:
    """Compare parameter names with binding names; returns whether the function takes `context`.

    Raises:
        FunctionError: a parameter has no binding, a binding no parameter, or `context` is annotated as something else.
    """
    declared = set(inspect.signature(call).parameters)
    wants_context = "context" in declared and "context" not in bound
    if wants_context:
        declared.discard("context")
        hint = hints.get("context", func.Context)
        if not (isinstance(hint, type) and issubclass(hint, func.Context)):
            raise FunctionError(f"parameter 'context' is annotated {hint!r}; it must be azure.functions.Context")
    if declared - bound:
        raise FunctionError(f"parameters {sorted(declared - bound)} have no binding of that name")
    if bound - declared:
        raise FunctionError(f"bindings {sorted(bound - declared)} have no parameter of that name")
    return wants_context


def converter_of(name: str, binding_type: str, hint: Any, *, out: bool) -> tuple[str, Any]:
    """The converter's type name and the Python type of one parameter or of the return value.

    Raises:
        FunctionError: the annotation does not suit the binding.
    """
    if hint is None:
        return binding_type, None
    is_out = typing.get_origin(hint) is func.Out or hint is func.Out
    if is_out != (out and name != RETURN):
        wanted = "must not be azure.functions.Out" if is_out else "must be azure.functions.Out[...]"
        raise FunctionError(f"{name!r} is annotated {hint!r}; for this binding it {wanted}")
    if is_out:
        hint = (typing.get_args(hint) or (None,))[0]
    if hint is None or hint is Any:
        return binding_type, None
    if hint in {str, bytes}:
        return conversion.GENERIC, hint
    if not conversion.accepts(binding_type, hint, out=out):
        raise FunctionError(f"{name!r} is annotated {hint!r}, which does not suit a {binding_type} binding")
    return binding_type, hint
