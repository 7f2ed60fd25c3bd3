"""The build queue's window: what waits outside, who goes first, and that no run is lost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from app.crashing import Process, until_death
from app.quick import Quick
from app.site import REGISTRY

from baselift.app import run_rows
from baselift.app.cancel_run import cancel_run
from baselift.app.dispatch import FIRST, OTHERS, WAITING, feed
from baselift.app.reconcile import reconcile
from baselift.app.request_run import Ask, request_run
from baselift.app.take_build import take_build
from baselift.app.world import BUILDS, World
from baselift.domain.runs import Cause, Run, Status

WINDOW = 3


@pytest.fixture
def site(tmp_path: Path) -> Quick:
    made = Quick(tmp_path)
    made.sources.go.set()
    made.world = replace(made.world, window=WINDOW)
    return made


async def ask(site: Quick, key: str, kind: str = "image", world: World | None = None) -> Run:
    request = {"type": "DockerBuildRequest", "dockerFilePath": "Dockerfile"}
    return await request_run(world or site.world, Ask(REGISTRY, Cause(kind, key), request, "QuickBuild"))


async def build(site: Quick, world: World | None = None) -> bool:
    """Handle one message, as the host does: it stays in the queue until it was handled."""
    held = site.store._queues[BUILDS]
    if not held:
        return False
    message = held[0]
    await take_build(world or site.world, *message.text.split())
    held.remove(message)
    return True


async def lanes(site: Quick) -> list[str]:
    return [row.partition for row in await site.rows(WAITING)]


async def started(site: Quick) -> list[str]:
    """Causes of the runs in the order in which they were built."""
    runs = sorted((run for run in await site.runs() if run.started), key=lambda run: run.started)
    return [run.cause.key for run in runs]


async def test_the_queue_holds_a_window_and_every_run_is_built_in_turn(site):
    for number in range(10):
        await ask(site, f"move{number}")
    assert len(site.store.messages(BUILDS)) == WINDOW
    assert await lanes(site) == [OTHERS] * 7
    while await build(site):
        assert len(site.store.messages(BUILDS)) <= WINDOW
    assert await started(site) == [f"move{number}" for number in range(10)]
    assert await lanes(site) == []
    assert len(await site.over()) == 10


async def test_a_run_that_people_asked_for_goes_before_all_that_have_not_begun(site):
    for number in range(6):
        await ask(site, f"move{number}")
    await ask(site, "person", "request")
    await ask(site, "other person", "request")
    assert await lanes(site) == [FIRST] * 2 + [OTHERS] * 3
    while await build(site):
        pass
    order = await started(site)
    assert order[:2] == ["person", "other person"]
    assert sorted(order[2:]) == [f"move{number}" for number in range(6)]
    assert await lanes(site) == []


async def test_a_run_that_people_asked_for_has_a_message_of_its_own_where_there_is_room(site):
    await ask(site, "move")
    run = await ask(site, "person", "request")
    assert site.store.messages(BUILDS)[-1].endswith(run.id)
    site.store.receive(BUILDS, 1)
    assert await build(site)
    assert await started(site) == ["person"]


async def test_an_open_window_costs_one_request_more(site):
    await ask(site, "first")
    bare, windowed = Process(), Process()
    await ask(site, "move", world=replace(bare.world(site.world), window=0))
    await ask(site, "again", world=windowed.world(site.world))
    assert sorted(windowed.calls) == sorted([*bare.calls, "store.depth"])


async def test_without_a_window_every_run_has_its_message(site):
    site.world = replace(site.world, window=0)
    for number in range(9):
        await ask(site, f"move{number}")
    assert len(site.store.messages(BUILDS)) == 9
    assert await lanes(site) == []


async def test_a_run_that_was_canceled_while_it_waited_takes_no_place(site):
    runs = [await ask(site, f"move{number}") for number in range(5)]
    await cancel_run(site.world, REGISTRY, runs[3].id)
    while await build(site):
        pass
    assert await started(site) == ["move0", "move1", "move2", "move4"]
    assert [run.status for run in await site.runs()][3] is Status.CANCELED
    assert await lanes(site) == []


async def test_the_reconciler_fills_a_queue_whose_messages_were_lost(site):
    for number in range(8):
        await ask(site, f"move{number}")
    site.store.receive(BUILDS)
    await reconcile(site.world)
    assert len(site.store.messages(BUILDS)) == WINDOW
    while await build(site):
        pass
    site.clock.turn(31)
    await reconcile(site.world)
    while await build(site):
        pass
    assert len(await site.over()) == 8


async def test_the_reconciler_does_not_send_again_what_waits(site):
    for number in range(8):
        await ask(site, f"move{number}")
    before = site.store.messages(BUILDS)
    site.clock.turn(31)
    await reconcile(site.world)
    assert set(site.store.messages(BUILDS)) == set(before)


@pytest.mark.parametrize("after", [False, True])
async def test_no_run_is_lost_wherever_the_process_dies(tmp_path: Path, after: bool):
    async def story(site: Quick, world: World) -> None:
        for number in range(5):
            await ask(site, f"move{number}", world=world)
        await ask(site, "person", "request", world=world)
        while await build(site, world):
            pass

    async def fresh(name: str) -> Quick:
        site = Quick(tmp_path / name)
        site.sources.go.set()
        site.world = replace(site.world, window=2)
        return site

    whole = Process()
    site = await fresh("whole")
    assert await until_death(story(site, whole.world(site.world)))
    for at in range(0, len(whole.calls), 3):
        process, site = Process(at, after), await fresh(f"{at}{after}")
        assert not await until_death(story(site, process.world(site.world)))
        for number in range(5):
            await ask(site, f"move{number}")
        await ask(site, "person", "request")
        await settled(site)
        assert len(await started(site)) == 6, whole.calls[at]


async def settled(site: Quick) -> None:
    for _ in range(12):
        await reconcile(site.world)
        while await build(site):
            pass
        if not await site.rows(run_rows.ACTIVE):
            return
        site.clock.turn(31)
    raise AssertionError("runs do not end")


async def test_feeding_twice_at_once_doubles_messages_at_most(site):
    for number in range(8):
        await ask(site, f"move{number}")
    site.store.receive(BUILDS)
    await feed(site.world)
    await feed(site.world)
    texts: list[Any] = site.store.messages(BUILDS)
    assert len(texts) == len(set(texts)) == WINDOW
