"""Drain mode: the listeners take nothing new, what runs goes on, and the state tells when all has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Drain:
    """Whether this host is draining. `stop` and `start` end and begin its listeners; `running` counts its calls."""

    def __init__(self, stop: Callable[[], None], start: Callable[[], None], running: Callable[[], int]) -> None:
        self._stop = stop
        self._start = start
        self._running = running
        self._on = False

    def begin(self) -> None:
        if not self._on:
            self._on = True
            self._stop()

    def end(self) -> None:
        if self._on:
            self._on = False
            self._start()

    def status(self) -> dict[str, Any]:
        """The answer of `GET /admin/host/drain/status`."""
        calls = self._running()
        state = "Disabled" if not self._on else "InProgress" if calls else "Completed"
        return {"state": state, "outstandingInvocations": calls, "outstandingRetries": 0}
