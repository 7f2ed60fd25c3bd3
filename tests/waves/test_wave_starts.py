"""What the start of a wave's members costs, and what it comes to when others are faster or the process dies."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from app.crashing import Process, until_death
from benchmarks.trips import round_trips
from simulator.graphs import REGISTRY, reference
from waves.family import DIAMOND, Family

from baselift.app import reasons, run_rows
from baselift.app.end_run import finish
from baselift.app.on_push import on_push
from baselift.app.ports import Row
from baselift.app.waves import followers
from baselift.app.waves.followers import FOLLOWERS
from baselift.domain import images
from baselift.domain.runs import Run
from baselift.domain.waves.states import WaveState
from baselift.memory.store import MemoryStore

SETTLED, STARTED = 3, 8
"""Round trips until a member is settled, and until the runs of the children that it lets go are queued."""
EVERY = 8
"""Of the calls at which a process may die, one in so many is tried."""
TURNS = 100
"""Turns of the loop in which everybody does all that he can do beside a call that is held."""


@pytest.mark.parametrize(("children", "trips"), [(0, SETTLED), (1, STARTED), (10, STARTED)])
async def test_a_member_that_is_done_lets_its_children_go_in_few_round_trips(children: int, trips: int):
    assert await asyncio.to_thread(round_trips, children) == trips


class Held:
    """A store on which something else happens right before the row of a task is taken for a start, once."""

    def __init__(self, store: MemoryStore, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._store, self._meanwhile, self.happened = store, meanwhile, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def replace(self, table: str, row: Row) -> str:
        if table == FOLLOWERS and row.values["starting"] != "null" and not self.happened:
            self.happened = True
            for _ in range(TURNS):
                await asyncio.sleep(0)
            await self._meanwhile()
        return await self._store.replace(table, row)


async def moved_meanwhile() -> tuple[Family, Run]:
    """A family whose second base moves after a start has looked at it, and before that has its task; the run of that.

    Nothing that is built follows from it yet.
    """
    family = await Family.of({"one": ["first"], "two": ["one", "second"], "end": ["two"]})
    await family.move("first")
    own = family.world

    async def move() -> None:
        family.registry.tags[reference("second")] = "sha256:moved"
        await on_push(own, images.parse(reference("second")))

    held = Held(family.store, move)
    family.world = replace(own, tables=held)
    await family.next()
    family.world = own
    assert held.happened
    (run,) = [run async for run in run_rows.newest_of_task(own, REGISTRY, "two")]
    return family, run


def causes(run: Run) -> set[str]:
    return {image.reference for image in run.cause.images}


async def test_a_base_that_moves_while_a_member_is_started_is_a_cause_of_its_run():
    family, run = await moved_meanwhile()
    assert causes(run) == {reference("one"), reference("second")}
    told = {(reason.base, reason.rule) for reason in await reasons.of_task(family.world, REGISTRY, "two")}
    assert (reference("second"), "joins-wave") in told
    await family.drain()
    assert family.built == ["one", "two", "end"]
    assert len(await family.waves()) == 1


async def test_it_would_not_be_if_who_joins_a_wave_did_not_write_the_tasks_row(monkeypatch: pytest.MonkeyPatch):
    async def untouched(*_: object) -> None:
        pass

    monkeypatch.setattr(followers, "touch", untouched)
    _, run = await moved_meanwhile()
    assert causes(run) == {reference("one")}


@pytest.mark.parametrize(
    ("after", "part"),
    [
        pytest.param(after, part, marks=() if (after, part) in ((False, 0), (True, 4)) else pytest.mark.campaign)
        for after in (False, True)
        for part in range(EVERY)
    ],
)
async def test_whoever_dies_when_a_member_is_built_every_image_is_built_once(
    monkeypatch: pytest.MonkeyPatch, after: bool, part: int
):
    at, alive = part, False
    while not alive:
        family, process = await Family.of(DIAMOND), Process(at, after)
        await family.move("top")

        async def mortal(_: Any, run: Run, family: Family = family, process: Process = process) -> None:
            nonlocal alive
            alive = await until_death(finish(process.world(family.world), run))

        with monkeypatch.context() as patched:
            patched.setattr("waves.family.finish", mortal)
            await family.next()
        for _ in range(3):
            family.clock.seconds += 121
            await family.reconcile()
            await family.drain()
        assert (at, sorted(family.built)) == (at, ["leaf", "left", "middle", "right"])
        assert (await family.wave()).state is WaveState.FINISHED
        assert await family.left() == []
        at += EVERY
    assert at > 60
