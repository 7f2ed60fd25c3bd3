"""How often, and after which pause, a request is made again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import SystemRandom
from typing import TypeVar

from baselift.registry.errors import RegistryError

T = TypeVar("T")
_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential pauses with jitter, for whatever is transient.

    A registry that asks (Retry-After) for a longer pause than `cap` gets no request before that: the error goes to
    the caller at once, with the time in `RegistryError.retry_after`.
    """

    attempts: int = 4
    first: float = 0.25
    """Seconds before the second attempt, at most; doubled each time."""
    cap: float = 15.0
    """Longest pause, in seconds."""

    async def __call__(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The first success of `attempt`, or its last error."""
        for number in range(self.attempts - 1):
            try:
                return await attempt()
            except RegistryError as error:
                if not error.transient or (error.retry_after or 0) > self.cap:
                    raise
                pause = self._pause(number, error.retry_after)
            await asyncio.sleep(pause)
        return await attempt()

    def _pause(self, number: int, asked: float | None) -> float:
        longest = min(self.cap, self.first * 2**number)
        jittered = _random.uniform(longest / 2, longest)
        return jittered if asked is None else min(self.cap, asked + jittered)
