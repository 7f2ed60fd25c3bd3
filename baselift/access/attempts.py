"""A limit on guessing: every client id has a few attempts, and gets new ones slowly (a token bucket per id)."""

import time
from collections.abc import Callable

ATTEMPTS = 5
SECONDS = 10.0
"""How long it takes until one more attempt is allowed."""


class Attempts:
    """Counts attempts per key, in this process. Keys must be few: each is remembered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> float:
        """Use one attempt: 0 when there was one, else the seconds until there will be."""
        left = self._now(key)
        if left < 1:
            return (1 - left) * SECONDS
        self._left[key] = left - 1, self._clock()
        return 0

    def give_back(self, key: str) -> None:
        """An attempt that succeeded does not count."""
        self._left[key] = min(ATTEMPTS, self._now(key) + 1), self._clock()

    def _now(self, key: str) -> float:
        now = self._clock()
        left, since = self._left.get(key, (float(ATTEMPTS), now))
        return min(ATTEMPTS, left + (now - since) / SECONDS)
