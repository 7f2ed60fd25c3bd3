"""What is closed when the event loop ends."""

import asyncio

from baselift.endings import at_end_of_loop


def test_it_is_awaited_once_and_after_the_last_task():
    told: list[str] = []

    async def close() -> None:
        await asyncio.sleep(0)
        told.append("closed")

    async def at_work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append("task ended")

    async def main() -> None:
        at_end_of_loop(close)
        task = asyncio.create_task(at_work())
        await asyncio.sleep(0)
        told.append(f"loop ends, task done: {task.done()}")

    asyncio.run(main())
    assert told == ["loop ends, task done: False", "task ended", "closed"]


def test_one_that_cannot_be_closed_keeps_no_other_open():
    told: list[str] = []

    async def fail() -> None:
        raise OSError("gone already")

    async def close() -> None:
        told.append("closed")

    async def main() -> None:
        at_end_of_loop(fail)
        at_end_of_loop(close)

    asyncio.run(main())
    assert told == ["closed"]


def test_without_a_loop_nothing_is_promised():
    at_end_of_loop(lambda: asyncio.sleep(0))
