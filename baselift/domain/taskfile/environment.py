"""Variables of tasks and steps: ``NAME=value`` lists and who wins (semantics 1.2). Values never reach a message."""

from collections.abc import Mapping, Sequence

from baselift.domain.taskfile.errors import TaskFileError
from baselift.domain.taskfile.fields import Fields


def step_env(fields: Fields) -> dict[str, str]:
    """The ``env`` of a step.

    Raises:
        TaskFileError: an item has no name or no ``=``.
    """
    return _read(fields, fields.texts("env"), "")


def task_env(fields: Fields) -> dict[str, str]:
    """The ``env`` of a task, whose items are split at commas as ACR's engine does.

    Raises:
        TaskFileError: an item, or what lies between its commas, has no name or no ``=``.
    """
    items = [part for item in fields.texts("env") for part in item.split(",")]
    return _read(fields, items, "; commas separate variables here, so a value with a comma belongs into a step's env")


def inherit(own: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """Own variables first, then the inherited ones that they do not override."""
    return {**own, **{name: value for name, value in inherited.items() if name not in own}}


def _read(fields: Fields, items: Sequence[str], hint: str) -> dict[str, str]:
    found = {}
    for index, item in enumerate(items):
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise TaskFileError(
                f"item {index + 1} of env must be NAME=value{hint}", line=fields.line_of("env"), where=fields.where
            )
        found[name] = value
    return found
