"""Values for templates: the values file, ``--set`` and how they go together (semantics 2.3)."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.fields import entries
from baselift.domain.taskfile.nodes import Items, Node, Scalar, compose
from baselift.domain.taskfile.scalars import resolve

_WHERE = "values"


def values(text: str) -> dict[str, Any]:
    """Read a values file: a YAML mapping, nested as one likes. Dates and the like stay text.

    Raises:
        TaskFileError: it is no YAML, no mapping, too large, or holds what JSON cannot.
    """
    try:
        root = compose(text)
        found = None if root is None else _data(root)
    except TaskFileError as error:
        raise error.placed(line=1, where=_WHERE) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise TaskFileError("a values file is a mapping of names to values", line=1, where=_WHERE)
    return found


def assignments(texts: Iterable[str]) -> dict[str, str]:
    """Read ``--set`` arguments: name and text at the first ``=``; without one the value is empty. The last wins.

    Raises:
        TaskFileError: a name is empty.
    """
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name:
            raise TaskFileError("a set value needs a name: name=value", where=_WHERE)
        found[name] = value
    return found


def overlay(values: Mapping[str, Any], sets: Mapping[str, str | None]) -> dict[str, Any]:
    """The values with set ones over them, each as text; None takes a name away. Names are not paths: ``a.b`` is one.

    Raises:
        TaskFileError: a set name is empty.
    """
    if "" in sets:
        raise TaskFileError("a set value needs a name: name=value", where=_WHERE)
    kept = {name: value for name, value in values.items() if name not in sets}
    return kept | {name: value for name, value in sets.items() if value is not None}


def _data(node: Node) -> Any:
    if isinstance(node, Scalar):
        return _scalar(node)
    if isinstance(node, Items):
        return [_data(item) for item in node.nodes]
    for key, _ in node.pairs():
        if not isinstance(key, Scalar):
            raise TaskFileError("a name must be text", line=key.line, where=_WHERE)
    return {name: _data(value) for name, value in entries(node).items()}


def _scalar(node: Scalar) -> Any:
    value = resolve(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise TaskFileError(f"{shown(node.text)} is a number that JSON cannot hold", line=node.line, where=_WHERE)
    return value
