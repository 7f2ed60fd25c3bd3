"""The app's settings: the environment, local.settings.json, and `%NAME%` in binding texts."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

from baselift.host.errors import FunctionError, HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)


class Settings:
    """Settings by name. Names are case-insensitive, and `:` is the same as `__`."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {_key(name): value for name, value in values.items()}

    def get(self, name: str) -> str | None:
        return self._values.get(_key(name))

    def is_true(self, name: str) -> bool:
        return (self.get(name) or "").strip().lower() in {"true", "1"}

    def under(self, section: str) -> Iterator[tuple[list[str], str]]:
        """Every setting below `section`, as the path of lower-case names and its value."""
        prefix = _key(section) + "__"
        for name, value in self._values.items():
            if name.startswith(prefix):
                yield name.removeprefix(prefix).split("__"), value

    def resolve(self, text: str) -> str:
        """The text with each `%NAME%` replaced by that setting.

        Raises:
            FunctionError: a setting is missing, or a `%` has no partner.
        """
        resolved = re.sub(r"%([^%]*)%", self._substitute, text)
        if text.count("%") % 2:
            raise FunctionError(f"{text!r} has a '%' without a closing one; write %NAME% with the name of a setting")
        return resolved

    def _substitute(self, match: re.Match[str]) -> str:
        value = self.get(match[1])
        if value is None:
            raise FunctionError(f"'%{match[1]}%' does not resolve: there is no setting {match[1]!r}")
        return value


def _key(name: str) -> str:
    return name.replace(":", "__").lower()


def local_settings(app_dir: Path, environment: Mapping[str, str]) -> tuple[dict[str, str], int | None]:
    """What local.settings.json adds to the environment, and the port it asks for.

    The environment wins over the file; a null value is left out.

    Raises:
        HostError: the file is not JSON of the right shape, or is encrypted.
    """
    file = app_dir / "local.settings.json"
    if not file.exists():
        return {}, None
    content = read_object(file)
    if content.get("IsEncrypted"):
        raise HostError(f"{file}: IsEncrypted is true; decrypt it first ('func settings decrypt')")
    present = {_key(name) for name in environment}
    added: dict[str, str] = {}
    for name, value in _file_values(file, content):
        if _key(name) in present:
            _log.warning("Setting %s of %s is left out: the environment already has it", name, file.name)
        elif value is not None:
            added[name] = value if isinstance(value, str) else json.dumps(value)
    return added, _port(file, content)


def _file_values(file: Path, content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from _section(file, content, "Values").items()
    for name, value in _section(file, content, "ConnectionStrings").items():
        yield f"ConnectionStrings:{name}", value.get("ConnectionString") if isinstance(value, dict) else value


def _section(file: Path, content: dict[str, Any], name: str) -> dict[str, Any]:
    section = content.get(name) or {}
    if not isinstance(section, dict):
        raise HostError(f"{file}: {name} is {section!r}; it must be an object of names and texts")
    return section


def _port(file: Path, content: dict[str, Any]) -> int | None:
    port = _section(file, content, "Host").get("LocalHttpPort")
    if port is None:
        return None
    try:
        return int(port)
    except (TypeError, ValueError):
        raise HostError(f"{file}: Host.LocalHttpPort is {port!r}; it must be a port number") from None


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in `file`.

    Raises:
        HostError: the file cannot be read or holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise HostError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise HostError(f"{file} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise HostError(f"{file} holds {type(content).__name__}; it must be a JSON object")
    return content
