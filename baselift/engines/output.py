"""What a build prints: without secrets, in whole lines, its end kept for the reason of a failure."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from baselift.engines.redaction import Redactor

_KEPT: Final = 16 * 1024
_LINE: Final = 8 * 1024


class Output:
    """Takes chunks as they come and passes whole lines on; a line over 8 KiB in pieces, those `unsaid` finds not."""

    def __init__(
        self,
        secrets: Iterable[str],
        log: Callable[[bytes], Awaitable[None]] | None,
        unsaid: re.Pattern[bytes] | None = None,
    ) -> None:
        self._redactor = Redactor(secrets)
        self._log = log
        self._unsaid = unsaid
        self._line = b""
        self._kept = b""

    @property
    def end(self) -> str:
        """The last 16 KiB, without secrets."""
        return self._kept.decode(errors="replace")

    async def feed(self, chunk: bytes) -> None:
        """The next bytes."""
        text = self._line + self._redactor.feed(chunk)
        cut = text.rfind(b"\n") + 1
        if len(text) - cut > _LINE:
            cut = len(text)
        self._line = text[cut:]
        await self._pass(text[:cut])

    async def close(self) -> None:
        """The stream has ended: pass what was waiting for the end of its line."""
        text, self._line = self._line + self._redactor.flush(), b""
        await self._pass(text)

    async def _pass(self, text: bytes) -> None:
        text = self._unsaid.sub(b"", text) if self._unsaid else text
        self._kept = (self._kept + text)[-_KEPT:]
        if text and self._log:
            await self._log(text)
