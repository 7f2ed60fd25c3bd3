"""Directories of runs: each is locked by the process that works in it, and goes with it or after it."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

PREFIX = "run-"


@contextlib.asynccontextmanager
async def scratch(parent: Path) -> AsyncIterator[Path]:
    """A new directory for one attempt. What processes that were killed left beside it is removed first."""
    making = asyncio.ensure_future(asyncio.to_thread(_make, parent))
    try:
        path, lock = await asyncio.shield(making)
    except asyncio.CancelledError:
        await asyncio.to_thread(_remove, *await making)
        raise
    try:
        yield path
    finally:
        await asyncio.shield(asyncio.to_thread(_remove, path, lock))


def _make(parent: Path) -> tuple[Path, int]:
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Under the parent's lock no directory is without its own lock for a moment.
    with _locked(parent):
        for left in parent.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError), _locked(left, fcntl.LOCK_NB):
                shutil.rmtree(left, ignore_errors=True)
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        return path, _lock(path)


def _remove(path: Path, lock: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


@contextlib.contextmanager
def _locked(path: Path, how: int = 0) -> Iterator[None]:
    lock = _lock(path, how)
    try:
        yield
    finally:
        os.close(lock)


def _lock(path: Path, how: int = 0) -> int:
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | how)
    except OSError:
        os.close(lock)
        raise
    return lock
