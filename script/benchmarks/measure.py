"""Measuring a subject and its floors side by side."""

import time
from collections.abc import Awaitable, Callable

Sample = Callable[[int], Awaitable[float]]
"""Takes one sample, given its number, and returns its milliseconds."""


async def alternate(times: int, *subjects: Sample) -> list[list[float]]:
    """Samples of each, in turn, after one of each that does not count: what loads the machine loads all alike."""
    taken: list[list[float]] = [[] for _ in subjects]
    order = list(range(len(subjects)))
    for number in range(times + 1):
        for which in order:
            milliseconds = await subjects[which](number)
            if number:
                taken[which].append(milliseconds)
        # Who comes first changes, so that none always finds the machine as another left it.
        order.reverse()
    return taken


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds that the work takes."""
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1000
