"""The directory that a context is fetched into."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from baselift.domain.builds import Failure


@asynccontextmanager
async def cleared(into: Path, seconds: float, what: str) -> AsyncIterator[None]:
    """Make `into`, and take it away unless the block ends well and within `seconds`. Raises Failure after them."""
    make(into)
    try:
        async with within(seconds, what):
            yield
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, into, ignore_errors=True)
        raise


def make(into: Path) -> None:
    """Make a directory at once: a thread would still make it after a cancel had cleared it away."""
    into.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """End the block after `seconds` with a Failure."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Failure(f"{what} took longer than {seconds:g} s, the limit for fetching a build context") from None
