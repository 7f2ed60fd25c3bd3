"""Run a command in the sandbox: its output as it comes, and an end that leaves nothing behind."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

GRACE: Final = 5.0
"""Seconds between asking to end and ending."""
_CHUNK: Final = 64 * 1024

Sink = Callable[[bytes], Awaitable[None]]


async def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    stdin: int,
    sink: Sink,
    until: Callable[[int], Awaitable[None]],
    ending: asyncio.Event | None = None,
) -> int:
    """Run `argv` to its end, handing standard output and error to `sink` as they come; its exit code.

    Once `ending` is set, what runs inside is asked to end; once `until`, called with the process id, is back, it is
    killed. When cancelled, or when `sink` raises, every process is gone before the exception goes on.
    """
    process = await _start(argv, env, stdin)
    tasks = [asyncio.create_task(_kill_after(process, until(process.pid)))]
    tasks += [asyncio.create_task(_ask_to_end(process, ending))] if ending else []
    try:
        while process.stdout and (chunk := await process.stdout.read(_CHUNK)):
            await sink(chunk)
        return await process.wait()
    finally:
        if process.returncode is None:
            await to_the_end(_stop(process, asked=ending is not None and ending.is_set()))
        for task in tasks:
            task.cancel()


async def _kill_after(process: asyncio.subprocess.Process, over: Awaitable[None]) -> None:
    await over
    if process.returncode is None:
        _signal_inside(process.pid, signal.SIGKILL)


async def _ask_to_end(process: asyncio.subprocess.Process, ending: asyncio.Event) -> None:
    await ending.wait()
    if process.returncode is None:
        _signal_inside(process.pid, signal.SIGTERM)


async def _start(argv: Sequence[str], env: Mapping[str, str], stdin: int) -> asyncio.subprocess.Process:
    # A process that was started while we are cancelled must be known, or nothing could end it.
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *argv,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(env),
            cwd="/",
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await to_the_end(_stop(await starting))
        raise


async def _stop(process: asyncio.subprocess.Process, *, asked: bool = False) -> None:
    """Ask what runs inside to end, then end it; the outer process waits until the last one inside is gone."""
    drained = asyncio.ensure_future(_drain(process))
    try:
        for sent in (signal.SIGKILL,) if asked else (signal.SIGTERM, signal.SIGKILL):
            _signal_inside(process.pid, sent)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE)
                return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    finally:
        drained.cancel()


async def _drain(process: asyncio.subprocess.Process) -> None:
    while process.stdout and await process.stdout.read(_CHUNK):
        pass


def _signal_inside(outer: int, sent: signal.Signals) -> None:
    try:
        text = Path(f"/proc/{outer}/task/{outer}/children").read_text()
    except OSError:
        text = ""
    for child in text.split() or [str(outer)]:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(int(child), sent)


async def to_the_end(work: Awaitable[None]) -> None:
    """Finish `work` although we are cancelled, even again."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()
