"""Image name templates: ``{{.Run.ID}}`` and the other data of a run."""

import re
from collections.abc import Mapping
from typing import Any

_ACTION = re.compile(r"\{\{(?P<left>- )?\s*(?P<path>.*?)\s*(?P<right> -)?\}\}", re.DOTALL)
_PATH = re.compile(r"(\.[A-Za-z_][A-Za-z0-9_]*)+")


class TemplateError(ValueError):
    """The template cannot be rendered; the message names the action and what would be right."""


def render(text: str, data: Mapping[str, Any]) -> str:
    """Replace every field action by its value; an unknown field is empty, as in ACR.

    Raises:
        TemplateError: an action is not closed, or is not a field such as ``{{.Run.ID}}``.
    """
    rendered = _ACTION.sub(lambda action: _value(action["path"], data), text)
    if "{{" in rendered:
        raise TemplateError("'{{' is not closed by '}}'")
    return rendered


def _value(path: str, data: Mapping[str, Any]) -> str:
    if not _PATH.fullmatch(path):
        raise TemplateError(f"action '{{{{{path}}}}}' is not a field such as {{{{.Run.ID}}}}")
    value: Any = data
    for name in path[1:].split("."):
        value = value.get(name, "") if isinstance(value, Mapping) else ""
    return "" if isinstance(value, Mapping) else str(value)
