r"""Row and partition keys as Azure Table storage accepts them.

Azure refuses ``/ \ # ?`` and control characters in keys, advises against ``%`` (Understanding the Table service data
model, "Characters disallowed in key fields"), and compares keys by code unit. The encoding:

* ``/ \ # ? %`` become the character before them and ``~``: ``a/b`` is stored as ``a.~b``;
* ``}``, ``~`` and everything beyond ASCII become ``}`` and six hexadecimal digits of the code point;
* everything else, so every letter, digit, ``|``, ``.``, ``-``, ``_`` and ``:``, stays as it is.

**Order.** ``encode(a) < encode(b)`` exactly when ``a < b`` (Python's order, by code point), for all texts: an encoded
character never starts with ``~``, so whatever follows a plain ``.`` sorts before the ``.~`` that stands for ``/``. A
range of keys is therefore the same range of encoded keys, and the encoded text is ASCII.
"""

import re

LIMIT = 1024
"""Bytes of an encoded key, two for each character."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_REFUSED = {ord(char): chr(ord(char) - 1) + "~" for char in "/\\#?%"}
_HIGH = re.compile(r"[}~\x80-\U0010ffff]")
_ESCAPE = re.compile(r"\}([0-9a-f]{6})|([^}])~")


def encode(text: str) -> str:
    """A key as stored. Raises ValueError for a control character."""
    if found := _CONTROL.search(text):
        raise ValueError(f"key {text!r} holds the control character {found[0]!r}; a key is text without them")
    return _HIGH.sub(lambda found: f"}}{ord(found[0]):06x}", text).translate(_REFUSED)


def decode(stored: str) -> str:
    """The text of a stored key."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else chr(ord(found[2]) + 1), stored)


def key(text: str) -> str:
    """A key as stored, when it fits. Raises ValueError over 1 KiB as well."""
    stored = encode(text)
    if 2 * len(stored) > LIMIT:
        raise ValueError(f"key {text[:60]!r}… takes {2 * len(stored)} bytes when stored; at most {LIMIT} are right")
    return stored
