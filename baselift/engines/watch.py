"""Watches what runs in a sandbox for what no control group keeps: disk, and a place that is full of processes.

Where containers of buildah write is read from the mounts inside: the upper directory of each overlay.
"""

import asyncio
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from baselift.engines.sandbox import Sandbox

_PAUSE: Final = 0.5
_SHARE: Final = 10
"""Of the time, one part in so many may go into measuring."""
_FULL: Final = 4
"""So many looks in a row find no room for another process: it will not end by itself."""
_RESERVE: Final = 512 * 2**20
"""Bytes of the builder's disk that no run may take, for all others to go on."""
_GUILTY: Final = 64 * 2**20
"""Who has written less does not end for it."""
_BLOCK: Final = 512
_UPPER: Final = re.compile(r"upperdir=(?:[^, ]*/)?([0-9a-f]{64})/diff")


class Watch:
    """One sandbox. `why` says why it had to be ended; empty when it had not."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._written = set[Path]()
        self._before: int | None = None
        self._looks = 0
        self._refused = 0
        self.why = ""

    async def until_over(self, pid: int) -> None:
        """Back once a limit is passed; `pid` is the sandbox's first process."""
        while not self.why:
            began = time.monotonic()
            self.why = self._full() or await asyncio.to_thread(self._overflow, pid)
            took = time.monotonic() - began
            await asyncio.sleep(0 if self.why else max(_PAUSE, took * _SHARE))

    def _full(self) -> str:
        limit, before = self._box.limits.pids, self._refused
        self._refused = self._box.limits.refused()
        full = any(_number(group.parent / "pids.current") >= limit for group in self._box.limits.groups if limit)
        self._looks = self._looks + 1 if full or self._refused > before else 0
        return f"no room for another process: the limit is {limit}" if self._looks == _FULL else ""

    def _overflow(self, pid: int) -> str:
        limit, full = self._box.limits.disk, self._is_full()
        if not (limit or full):
            return ""
        used = self._used(pid)
        if limit and used > limit:
            return f"more than {limit} bytes of disk are used: the limit"
        return (
            f"the builder's disk is nearly full, and {used} bytes of it are used here"
            if full and used > _GUILTY
            else ""
        )

    def _is_full(self) -> bool:
        found = os.statvfs(self._box.store)
        return found.f_bavail * found.f_frsize < _RESERVE

    def _used(self, pid: int) -> int:
        for process in _tree(pid):
            with suppress(OSError):
                mounts = Path(f"/proc/{process}/mountinfo").read_text()
                self._written |= {self._layer(name) for name in _UPPER.findall(mounts)}
        kept = size(self._box.layers) if self._box.layers else 0
        self._before = kept if self._before is None else self._before
        return kept - self._before + sum(map(size, (self._box.scratch, *self._box.others.values(), *self._written)))

    def _layer(self, name: str) -> Path:
        return self._box.store / "overlay" / "root" / "overlay" / name / "diff"


def size(place: Path) -> int:
    """Bytes on disk of all files below a directory, whatever is removed meanwhile; each link counts."""
    found = 0
    with suppress(FileNotFoundError):
        for _, _, names, descriptor in os.fwalk(place):
            for name in names:
                with suppress(OSError):
                    found += os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_blocks * _BLOCK
    return found


def _tree(pid: int) -> Iterator[int]:
    """A process and its descendants."""
    waiting = [pid]
    while waiting:
        process = waiting.pop()
        yield process
        with suppress(OSError):
            waiting += map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0
