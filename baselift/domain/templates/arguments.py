"""Whether a value may be given to a parameter, as Go's assignability decides it."""

from collections.abc import Callable
from typing import Any

from baselift.domain.templates import nodes
from baselift.domain.templates.errors import Fault
from baselift.domain.templates.values import type_name

_GO_NAMES = {
    "map": "map[string]interface {}",
    "list": "[]interface {}",
    "time": "time.Time",
    "certificate": "sprig.certificate",
    "version": "*semver.Version",
    "value": "reflect.Value",
    "any": "interface {}",
}
_OPEN = ("any", "value")
_NILS: dict[str, Callable[[], Any]] = {"map": dict, "list": list, "any": lambda: None, "value": lambda: None}


def fits(value: Any, param: str) -> Any:
    """The value as the parameter takes it; nil becomes the nil of a type that has one.

    Raises:
        Fault: the types differ.
    """
    if param in _OPEN:
        return value
    if value is None:
        return _nil(param, f"invalid value; expected {_name(param)}")
    if type_name(value) == _name(param):
        return value
    raise Fault(f"wrong type for value; expected {_name(param)}; got {type_name(value)}")


def literal(node: Any, param: str) -> Any:
    """The value of a literal given directly: number literals become what the parameter wants.

    Raises:
        Fault: the literal cannot be of the parameter's type.
    """
    if isinstance(node, nodes.Nil):
        return _nil(param, f"cannot assign nil to {_name(param)}")
    if param in _OPEN:
        return constant(node)
    value = _convert(node, param)
    if value is None:
        raise Fault(f"expected {_name(param)}; found {_shown(node)}")
    return value


def constant(node: Any) -> Any:
    """The value of a literal where any type will do.

    Raises:
        Fault: an integer that Go's int cannot hold.
    """
    if not isinstance(node, nodes.Number):
        return node.value
    if node.is_real:
        return node.real
    if node.integer is None:
        raise Fault(f"{node.text} overflows int")
    return node.integer


def _convert(node: Any, param: str) -> Any:
    if isinstance(node, nodes.Number):
        return {"int": node.integer, "int64": node.integer, "uint32": node.unsigned, "float64": node.real}.get(param)
    if isinstance(node, nodes.String):
        return node.value if param == "string" else None
    return node.value if param == "bool" else None


def _nil(param: str, message: str) -> Any:
    made = _NILS.get(param)
    if made is None:
        raise Fault(message)
    return made()


def _name(param: str) -> str:
    return _GO_NAMES.get(param, param)


def _shown(node: Any) -> str:
    return str(node.text if isinstance(node, nodes.Number) else node.value)
