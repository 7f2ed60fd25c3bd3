"""Layers kept between builds: a directory for each scope, whose layers no other scope finds, within a budget in all.

What was not left in order, because a builder was killed or the machine restarted, is never used again.
"""

import asyncio
import fcntl
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from baselift.domain.builds import Failure
from baselift.engines.process import to_the_end
from baselift.engines.sandbox import give
from baselift.engines.watch import size

SHARE: Final = 4
"""No scope may have more than one part in so many of the budget: one busy task does not push out all others."""
_WAIT: Final = 0.05
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_DATA, _BEGUN, _SIZE, _MARK, _GONE = "data", "boot", "size", "using-", "gone-"


@dataclass(slots=True)
class Place:
    """A scope's directory for a build engine, while the build is in it."""

    data: Path
    spoiled: bool = False
    """What is in it must not be used again."""


class LayerCache:
    """Any number of builds of any number of processes use it at once. `remove` deletes a directory of an engine."""

    def __init__(self, directory: Path, budget: int, remove: Callable[[Path], Awaitable[None]]) -> None:
        self._directory = directory
        self.budget = budget
        self._remove = remove

    @asynccontextmanager
    async def use(self, scope: str) -> AsyncIterator[Place]:
        """The place of a scope, empty at its first use. What was kept is measured at the end, and the oldest goes."""
        path = self._path(scope)
        lock = await self._open(path)
        try:
            mark = path / f"{_MARK}{secrets.token_hex(8)}"
            mark.touch()
            place = Place(path / _DATA)
            in_order = False
            try:
                yield place
                in_order = True
            except Failure:
                in_order = True
                raise
            finally:
                if in_order and not place.spoiled:
                    await asyncio.to_thread(_measure, path)
                    mark.unlink()
        finally:
            os.close(lock)
            await to_the_end(self._tidy())

    async def forget(self, scope: str) -> None:
        """Remove what is kept for a scope, unless a build is using it."""
        await self._discard_unused(self._path(scope))

    def _path(self, scope: str) -> Path:
        return self._directory / hashlib.sha256(scope.encode()).hexdigest()[:32]

    async def _open(self, path: Path) -> int:
        """The directory, locked against removal, and in order."""
        while True:
            await asyncio.to_thread(path.mkdir, mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if _locked(lock, fcntl.LOCK_EX) and _same(path, lock):
                    if not _in_order(path):
                        await self._discard(path)
                        continue
                    _begin(path)
                if _locked(lock, fcntl.LOCK_SH) and _same(path, lock) and (path / _BEGUN).exists():
                    kept, lock = lock, -1
                    return kept
            finally:
                if lock >= 0:
                    os.close(lock)
            await asyncio.sleep(_WAIT)

    async def _tidy(self) -> None:
        """Remove what is not in order, what is too large for one, and the least recently used beyond the budget."""
        for gone in self._directory.glob(f"{_GONE}*"):
            await self._remove(gone)
        found = sorted((path for path in self._directory.iterdir() if not path.name.startswith(_GONE)), key=_last_used)
        total = sum(map(_size, found))
        for path in found:
            bytes_kept = _size(path)
            too_much = total > self.budget or bytes_kept > self.budget // SHARE
            if (too_much or not _in_order(path)) and await self._discard_unused(path):
                total -= bytes_kept

    async def _discard_unused(self, path: Path) -> bool:
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if _locked(lock, fcntl.LOCK_EX) and _same(path, lock):
                    await self._discard(path)
                    return True
            finally:
                os.close(lock)
        return False

    async def _discard(self, path: Path) -> None:
        gone = self._directory / f"{_GONE}{secrets.token_hex(8)}"
        await asyncio.to_thread(path.rename, gone)
        await self._remove(gone)


def _begin(path: Path) -> None:
    if not (path / _BEGUN).exists():
        data = path / _DATA
        data.mkdir(mode=0o700, exist_ok=True)
        give(data)
        (path / _BEGUN).write_text(_BOOT.read_text())


def _in_order(path: Path) -> bool:
    """Left by every build that was in it, since this machine started; what is new is in order too."""
    with suppress(FileNotFoundError):
        if any(path.glob(f"{_MARK}*")):
            return False
        return not (path / _BEGUN).exists() or (path / _BEGUN).read_text() == _BOOT.read_text()
    return True


def _measure(path: Path) -> None:
    (path / _SIZE).write_text(str(size(path / _DATA)))


def _last_used(path: Path) -> float:
    with suppress(FileNotFoundError):
        return (path / _SIZE).stat().st_mtime
    return 0


def _size(path: Path) -> int:
    with suppress(FileNotFoundError, ValueError):
        return int((path / _SIZE).read_text())
    return 0


def _same(path: Path, lock: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(lock).st_ino
    except FileNotFoundError:
        return False


def _locked(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
