"""Take secret values out of a stream of bytes, whatever the chunks it comes in."""

import re
from collections.abc import Iterable

_MASK = b"***"
_PIECE = 8


class Redactor:
    """Replaces every secret by ``***``; a secret of several lines also line by line, as tools print them.

    Bytes that may be the start of a secret are held back until the next chunk decides.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        values = sorted(_forms(secrets), key=len, reverse=True)
        self._values = values
        self._longest = max(map(len, values), default=0)
        self._pattern = re.compile(b"|".join(map(re.escape, values))) if values else None
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes that are certain to hold no part of a secret."""
        if not self._pattern:
            return chunk
        text = self._held + chunk
        cut = self._certain(text)
        self._held = text[cut:]
        return self._pattern.sub(_MASK, text[:cut])

    def _certain(self, text: bytes) -> int:
        whole = [match.span() for match in self._pattern.finditer(text)] if self._pattern else []
        for place in range(max(0, len(text) - self._longest + 1), len(text)):
            rest = text[place:]
            begun = any(len(value) > len(rest) and value.startswith(rest) for value in self._values)
            if begun and not any(start < place < end for start, end in whole):
                return place
        return len(text)

    def flush(self) -> bytes:
        """What was held back, at the end of the stream."""
        held, self._held = self._held, b""
        return self.text(held)

    def text(self, whole: bytes) -> bytes:
        """A text that is complete."""
        return self._pattern.sub(_MASK, whole) if self._pattern else whole


def _forms(secrets: Iterable[str]) -> set[bytes]:
    found = set[bytes]()
    for secret in secrets:
        found.add(secret.encode())
        found.update(line for line in secret.encode().splitlines() if len(line) >= _PIECE)
    return found - {b""}
