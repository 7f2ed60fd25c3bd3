"""Functions a template can call, with the Go types of their parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Body = TypeVar("Body", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    `params` names Go types (`any`, `value`, `string`, `int`, `int64`, `uint32`, `float64`, `bool`, `map`, `list`,
    `time`, `certificate`, `version`); `rest` is the type of the variadic part, empty when there is none. A body that
    `needs_context` gets the rendering's `Context` first. `cost` is in steps, charged per call.
    """

    body: Callable[..., Any]
    params: tuple[str, ...]
    rest: str = ""
    needs_context: bool = False
    cost: int = 1


class Registry(dict[str, Function]):
    """Functions by the names templates use."""

    def add(
        self, names: str, *params: str, rest: str = "", context: bool = False, cost: int = 1
    ) -> Callable[[Body], Body]:
        """Register the decorated body under every one of the space-separated names."""

        def register(body: Body) -> Body:
            for name in names.split():
                self[name] = Function(body, params, rest, context, cost)
            return body

        return register
