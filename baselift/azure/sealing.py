"""Secrets at rest: AES-256-GCM with keys that can be rotated."""

import base64
import binascii
import os
import re
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORM = re.compile(r"v1:([A-Za-z0-9._-]{1,64}):([A-Za-z0-9+/]+={0,2})")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NONCE = 12
_KEY = 32


def sealed(text: str) -> bool:
    """True for a text in the form `Sealer.seal` writes."""
    return _FORM.fullmatch(text) is not None


class Sealer:
    """Seals with one key and unseals with any it knows. Keys are 32 bytes in base64, each under a short name."""

    def __init__(self, name: str, key: str, old: Mapping[str, str] | None = None) -> None:
        """`name` and `key` seal from now on; `old` maps names to keys that still unseal. Raises ValueError."""
        self._name = name
        self._ciphers = {each: _cipher(each, text) for each, text in {**(old or {}), name: key}.items()}

    def seal(self, text: str) -> str:
        """``v1:<key name>:<base64 of nonce and ciphertext>``; another text every time."""
        nonce = os.urandom(_NONCE)
        box = self._ciphers[self._name].encrypt(nonce, text.encode(), self._name.encode())
        return f"v1:{self._name}:{base64.b64encode(nonce + box).decode()}"

    def unseal(self, text: str) -> str:
        """The secret. Raises ValueError, without the content, when it is garbled or its key is unknown."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("not a sealed text: v1:<key name>:<base64> is right")
        name = found[1]
        if name not in self._ciphers:
            raise ValueError(f"sealed with the key {name!r}, which is not among {sorted(self._ciphers)}")
        try:
            box = base64.b64decode(found[2], validate=True)
            return self._ciphers[name].decrypt(box[:_NONCE], box[_NONCE:], name.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise ValueError(f"the text sealed with the key {name!r} is garbled, or that key is another now") from None


def _cipher(name: str, key: str) -> AESGCM:
    if not _NAME.fullmatch(name):
        raise ValueError(f"key name {name!r}: 1 to 64 letters, digits, '.', '_' and '-' are right")
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError(f"key {name!r} is not base64") from None
    if len(raw) != _KEY:
        raise ValueError(f"key {name!r} has {len(raw)} bytes; {_KEY} are right")
    return AESGCM(raw)
