"""Closes connections when the event loop ends, in hosts that tell an app nothing of their end."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

_open: set[AsyncGenerator[None, None]] = set()
"""Loops know their generators weakly; what nobody else held would be ended at once."""


def at_end_of_loop(close: Callable[[], Awaitable[None]]) -> None:
    """Have the running loop await `close` after its last task has ended, where it is ended as `asyncio.run` does it.

    Elsewhere, and without a running loop, the end of the process closes what is open.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    ending = _ending(close)
    _open.add(ending)
    # The first step never waits; with it the loop takes the generator among those that it ends.
    with contextlib.suppress(StopIteration):
        ending.__anext__().send(None)


async def _ending(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await close()
