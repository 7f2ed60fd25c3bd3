"""A run's log: every block once, however its writer ends."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from app.quick import Quick

from baselift.app.run_log import CHUNK, RunLog
from baselift.memory.blobs import MemoryBlobs

NAME = "baselift/dn1"


class Far(MemoryBlobs):
    """A store whose answers come late: a block is in the log before its writer knows."""

    slow = False

    async def append(self, name: str, data: bytes, lease: str) -> None:
        await super().append(name, data, lease)
        if self.slow:
            await asyncio.sleep(0.05)


def opened(directory: Path, poll: float) -> tuple[Far, RunLog]:
    site = Quick(directory)
    blobs = Far(site.clock)
    return blobs, RunLog(replace(site.world, blobs=blobs, poll=poll), NAME)


@pytest.fixture
def far(tmp_path: Path) -> tuple[Far, RunLog]:
    return opened(tmp_path, 0.01)


async def until_written(blobs: Far) -> None:
    async with asyncio.timeout(10):
        while not (await blobs.read_log(NAME))[0]:
            await asyncio.sleep(0)


async def test_a_log_that_is_left_while_a_block_is_under_way_has_it_once(far: tuple[Far, RunLog]) -> None:
    blobs, log = far
    async with log:
        blobs.slow = True
        await log.line("first")
        await until_written(blobs)
        await log.line("second")
    assert (await blobs.read_log(NAME))[0] == b"first\r\nsecond\r\n"


async def test_a_step_that_is_ended_while_it_writes_a_block_leaves_it_once(far: tuple[Far, RunLog]) -> None:
    blobs, log = far
    async with log:
        blobs.slow = True
        step = asyncio.create_task(log.write(b"x" * (4 * CHUNK) + b"\n"))
        await until_written(blobs)
        step.cancel()
        await asyncio.wait([step])
        await log.line("after")
    assert (await blobs.read_log(NAME))[0] == b"x" * (4 * CHUNK) + b"\r\nafter\r\n"


@pytest.mark.parametrize("turns", range(4))
async def test_a_log_that_is_left_right_after_much_output_ends(tmp_path: Path, turns: int) -> None:
    blobs, log = opened(tmp_path, 60)

    async def write() -> None:
        async with log:
            await asyncio.sleep(0.01)
            await log.write(b"x" * CHUNK + b"\n")
            for _ in range(turns):
                await asyncio.sleep(0)

    ended, _ = await asyncio.wait([asyncio.create_task(write())], timeout=10)
    assert ended
    assert (await blobs.read_log(NAME))[0] == b"x" * CHUNK + b"\r\n"
