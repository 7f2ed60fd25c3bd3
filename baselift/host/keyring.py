"""The keys of the host or of one function, in the form in which the Functions host stores them."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any

MASTER = "_master"
DEFAULT = "default"
HOST_SECTIONS = ("masterKey", "functionKeys", "systemKeys")
FUNCTION_SECTIONS = ("keys",)
_SIGNATURE = base64.b64decode("AzFu")
"""Stands in every generated key, so that secret scanners know it for one."""
_RANDOM_BYTES, _LAST_BYTES = 33, 4


def new_value() -> str:
    """A fresh key: 37 random bytes around the signature, in URL-safe base64."""
    data = secrets.token_bytes(_RANDOM_BYTES) + _SIGNATURE + secrets.token_bytes(_LAST_BYTES)
    return base64.urlsafe_b64encode(data).decode()


@dataclass(slots=True)
class Keyring:
    """Key values by section and name. Sections: masterKey, functionKeys and systemKeys; of a function only keys."""

    sections: dict[str, dict[str, str]]

    @classmethod
    def of_host(cls) -> Keyring:
        """What a host begins with."""
        return cls({"masterKey": {"master": new_value()}, "functionKeys": {DEFAULT: new_value()}, "systemKeys": {}})

    @classmethod
    def of_function(cls) -> Keyring:
        """What a function begins with."""
        return cls({"keys": {DEFAULT: new_value()}})

    @classmethod
    def from_json(cls, text: bytes, sections: tuple[str, ...]) -> Keyring:
        """Read a stored document.

        Raises:
            ValueError: it is not one, or its keys are encrypted, which only the platform can undo.
        """
        content = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")  # noqa: TRY004  # as wrong as bad JSON
        return cls({section: dict(_keys(content.get(section))) for section in sections})

    def to_json(self) -> bytes:
        """The document as it is stored."""
        content: dict[str, Any] = {}
        for section, keys in self.sections.items():
            stored = [{"name": name, "value": value, "encrypted": False} for name, value in keys.items()]
            content[section] = stored[0] if section == "masterKey" else stored
        return json.dumps(content, indent=2).encode()


def _keys(stored: Any) -> list[tuple[str, str]]:
    entries = stored if isinstance(stored, list) else [stored] if stored else []
    return [_key(entry) for entry in entries]


def _key(entry: Any) -> tuple[str, str]:
    match entry:
        case {"encrypted": True}:
            raise ValueError("its keys are encrypted")
        case {"name": str(name), "value": str(value)}:
            return name, value
        case _:
            raise ValueError("a key in it has no name or no value")
