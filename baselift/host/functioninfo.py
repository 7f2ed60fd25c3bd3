"""What /admin/functions tells of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baselift.host.model import Binding, Function


def described(function: Function, base: str, route: str | None) -> dict[str, Any]:
    """A function as the Functions host lists it.

    Args:
        function: the function.
        base: the host's address, without a slash at its end.
        route: the route of an HTTP function with its prefix, else None.

    The links to files are null: this host serves none.
    """
    bindings = (function.trigger, *function.outputs, *((function.returned,) if function.returned else ()))
    return {
        "name": function.name,
        "script_href": None,
        "config_href": None,
        "test_data_href": None,
        "href": f"{base}/admin/functions/{function.name}",
        "invoke_url_template": None if route is None else f"{base}/{route}".lower(),
        "language": "python",
        "config": {
            "name": function.name,
            "language": "python",
            "functionDirectory": function.directory,
            "bindings": [_binding(binding) for binding in bindings],
        },
        "isDisabled": function.disabled,
    }


def _binding(binding: Binding) -> dict[str, Any]:
    return {name: value for name, value in binding.properties.items() if value is not None}
