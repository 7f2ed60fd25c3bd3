"""Run a program that dies with us, with its children, and cannot fill the disk."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

# The reader of the pipe ends the whole group when we are gone, however we went: git's helpers would outlive git.
_GUARDED = """
umask 022; ulimit -f "$0" 2>/dev/null
exec 3<&0 </dev/null
(read -r _ <&3; kill -9 -$$) >/dev/null 2>&1 &
exec 3<&-
"$@"; code=$?
kill -9 $! 2>/dev/null; wait $! 2>/dev/null
exit $code
"""
_BLOCK = 512
_KEPT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended; `errors` is the end of its standard error."""

    code: int
    """Of the program; 128 and the signal's number when a signal ended it."""
    errors: str


async def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None,
    file_size: int,
    sink: Callable[[bytes], None],
    keep: Collection[int] = (),
) -> Ended:
    """Run `argv` to its end, handing its standard output to `sink` as it comes; no file may pass `file_size` bytes.

    The descriptors in `keep` are open in the program and its children, under the same numbers.

    When cancelled, or when `sink` raises, the whole process group is gone before the exception goes on. It goes too
    when this process dies.
    """
    ours, theirs = _pipe()
    with ours:
        with theirs:
            guarded = ("sh", "-c", _GUARDED, str(max(1, file_size // _BLOCK)), *argv)
            process = await _start(guarded, env, cwd, theirs, keep)
        try:
            errors = bytearray()
            await _both(_pump(process.stdout, sink), _pump(process.stderr, lambda data: _keep_end(errors, data)))
            return Ended(await process.wait(), errors.decode(errors="replace"))
        finally:
            await _kill_group(process)


def _pipe() -> tuple[FileIO, FileIO]:
    reading, writing = os.pipe()
    return FileIO(writing, "w"), FileIO(reading, "r")


async def _both(first: Awaitable[None], second: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(first), asyncio.ensure_future(second)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _start(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, stdin: FileIO, keep: Collection[int]
) -> asyncio.subprocess.Process:
    # A process that was started while we are cancelled must be known, or nothing could end its children.
    pipe = asyncio.subprocess.PIPE
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv, stdin=stdin, stdout=pipe, stderr=pipe, env=env, cwd=cwd, start_new_session=True, pass_fds=keep
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _kill_group(await starting)
        raise


async def _pump(stream: asyncio.StreamReader | None, sink: Callable[[bytes], None]) -> None:
    while stream and (data := await stream.read(_KEPT)):
        sink(data)


def _keep_end(kept: bytearray, data: bytes) -> None:
    kept += data
    del kept[:-_KEPT]


async def _kill_group(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    for _ in range(200):  # children die a moment later than killpg returns
        if not _alive(process.pid):
            return
        await asyncio.sleep(0.005)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    members = [state for pgrp, state in map(_state, Path("/proc").glob("[0-9]*/stat")) if pgrp == group]
    return any(state != "Z" for state in members) or not Path("/proc/self").exists()


def _state(stat: Path) -> tuple[int, str]:
    try:
        fields = stat.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0, ""
    return int(fields[2]), fields[0]  # proc(5): state, parent, group
