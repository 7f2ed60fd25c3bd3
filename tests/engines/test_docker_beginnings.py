"""A build of Docker's engine that is cancelled while one of its steps is being started, without the engine."""

import asyncio

import pytest

from baselift.engines.docker_beginnings import Beginnings


class Build:
    """Says what it is told to, and has a process a moment later."""

    def __init__(self, said: bytes, *, fails: bool = False) -> None:
        self.log = b""
        self.has_process = asyncio.Event()
        self._said, self._fails = said, fails
        self._beginnings = Beginnings(self._take)

    async def _take(self, data: bytes) -> None:
        self.log += data

    async def _run(self) -> int:
        await self._beginnings.feed(self._said)
        await asyncio.sleep(0.01)
        self.has_process.set()
        if self._fails:
            raise OSError
        await asyncio.Event().wait()
        return 0

    async def cancelled_at_once(self) -> None:
        building = asyncio.create_task(self._beginnings.finish(self._run()))
        while not self.log:
            await asyncio.sleep(0)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building


async def test_a_step_that_has_just_begun_has_its_process_before_the_build_ends() -> None:
    build = Build(b"#5 [1/2] FROM x\n#5 DONE 0.0s\n\n#6 [2/2] RUN sleep 9\n")
    await build.cancelled_at_once()
    assert build.has_process.is_set()


async def test_what_a_step_prints_is_no_beginning() -> None:
    build = Build(b"#6 0.1 #7 [2/2] RUN x\n#6 0.2 [3/3]\n")
    await build.cancelled_at_once()
    assert not build.has_process.is_set()


async def test_a_build_that_fails_meanwhile_is_cancelled_all_the_same() -> None:
    build = Build(b"#6 [2/2] RUN false\n", fails=True)
    await build.cancelled_at_once()
    assert build.has_process.is_set()


async def test_a_build_that_nobody_cancels_gives_its_result() -> None:
    async def nothing(_: bytes) -> None: ...

    async def build() -> int:
        return 7

    assert await Beginnings(nothing).finish(build()) == 7
