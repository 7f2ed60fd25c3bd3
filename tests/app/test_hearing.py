"""Senders of pushes are answered soon: looks are shared, and what there is no room or time for goes to the queue."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from app.model import Model, ModelRegistry, image, version

from baselift.app import hearing
from baselift.app.hearing import hear
from baselift.app.looks import AT_ONCE, Looks
from baselift.app.world import LOOKS
from baselift.domain.builds import Failure
from baselift.domain.images import Reference


class Slow(ModelRegistry):
    """A registry that answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = asyncio.Event()
        self.asked = 0

    async def find(self, ref: Reference, _: object = None) -> object:  # type: ignore[override]
        self.asked += 1
        await self.answer.wait()
        return await super().find(ref)


async def moved(directory: Path, *names: str, patience: float = 60.0) -> tuple[Model, Slow]:
    """Bases with a dependent each that have moved, in a registry that is slow."""
    model, slow = Model(directory), Slow()
    model.registry, model.world = slow, replace(model.world, registries=slow, patience=timedelta(seconds=patience))
    slow.answer.set()
    for name in names:
        slow.move(str(image(f"{name}:1")), version(1))
        await model.put_task(f"on-{name}", f"FROM {image(f'{name}:1')}\n")
    await model.drain()
    for name in names:
        slow.move(str(image(f"{name}:1")), version(2))
    slow.answer.clear()
    slow.asked = 0
    return model, slow


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def test_a_push_is_decided_while_its_sender_waits(tmp_path: Path):
    model, slow = await moved(tmp_path, "base")
    slow.answer.set()
    (run,) = await hear(model.world, image("base:1")) or ()
    assert run.task == "on-base"
    assert not model.store.messages(LOOKS)


async def test_a_registry_that_tells_before_it_moves_the_tag_is_asked_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hearing, "EARLY", 0.0)
    model, slow = await moved(tmp_path, "base")
    slow.answer.set()
    slow.move(str(image("base:1")), version(1))
    heard = asyncio.create_task(hear(model.world, image("base:1"), version(2)))
    await until(lambda: slow.asked == 1)
    slow.move(str(image("base:1")), version(2))
    assert [run.task for run in await heard or ()] == ["on-base"]
    assert slow.asked == 2
    assert await hear(model.world, image("base:1"), version(2)) == ()
    assert slow.asked == 3


async def test_all_who_tell_during_a_look_share_one_that_begins_after_it(tmp_path: Path):
    model, slow = await moved(tmp_path, "base")
    first = asyncio.create_task(hear(model.world, image("base:1")))
    await until(lambda: slow.asked == 1)
    others = [asyncio.create_task(hear(model.world, image("base:1"))) for _ in range(20)]
    slow.answer.set()
    assert [len(await each or ()) for each in (first, *others)] == [1, *[0] * 20]
    assert slow.asked == 2
    assert not model.store.messages(LOOKS)


async def test_who_comes_while_enough_are_looked_at_is_answered_by_a_message(tmp_path: Path):
    names = [f"base{number}" for number in range(AT_ONCE + 2)]
    model, slow = await moved(tmp_path, *names)
    waiting = [asyncio.create_task(hear(model.world, image(f"{name}:1"))) for name in names[:AT_ONCE]]
    await until(lambda: slow.asked == AT_ONCE)
    assert [await hear(model.world, image(f"{name}:1")) for name in names[AT_ONCE:]] == [None, None]
    assert model.store.messages(LOOKS) == [f"{image(f'{name}:1')} person" for name in names[AT_ONCE:]]
    slow.answer.set()
    assert [len(await each or ()) for each in waiting] == [1] * AT_ONCE
    await model.drain()
    assert len(await model.runs()) == len(names)


async def test_senders_that_would_wait_for_long_are_answered_by_one_message_and_the_look_goes_on(tmp_path: Path):
    model, slow = await moved(tmp_path, "base", patience=0.0)
    assert await asyncio.gather(*(hear(model.world, image("base:1")) for _ in range(10))) == [None] * 10
    assert not await model.runs()
    model.clock.turn(hearing.AFTER)
    assert len(model.store.messages(LOOKS)) == 1
    slow.answer.set()
    await until(lambda: not model.world.looks.under_way)
    assert len(await model.runs()) == 1


async def test_a_look_that_dies_behind_its_senders_back_is_made_again(tmp_path: Path):
    model, slow = await moved(tmp_path, "base", patience=0.0)
    assert await hear(model.world, image("base:1")) is None
    # Its process ends: what it has begun is gone, and only what is stored is left.
    model.world = replace(model.world, looks=Looks())
    slow.answer, lost = asyncio.Event(), slow.answer
    slow.answer.set()
    model.clock.turn(hearing.AFTER)
    await model.drain()
    assert len(await model.runs()) == 1
    lost.set()


async def test_a_registry_that_does_not_answer_is_told_to_the_sender(tmp_path: Path):
    model, slow = await moved(tmp_path, "base")
    slow.away = True
    slow.answer.set()
    with pytest.raises(Failure, match="connection refused"):
        await hear(model.world, image("base:1"))


async def test_a_failed_look_leaves_room_for_others():
    looks = Looks()

    async def failing() -> None:
        raise Failure("away")

    for _ in range(AT_ONCE * 2):
        begun: Awaitable[None] | None = looks.begin("base", failing)
        assert begun is not None
        with pytest.raises(Failure):
            await begun
    assert not looks.under_way
