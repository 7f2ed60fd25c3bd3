"""Agent pools: how many runs go on at once, who waits, and what becomes of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from app.crashing import Process, until_death
from app.quick import Quick
from app.site import REGISTRY

from baselift.app.cancel_run import cancel_run
from baselift.app.change_pool import change_pool, count_waiting, delete_pool, get_pool
from baselift.app.gates import GATES
from baselift.app.pool_rows import MARKED, every
from baselift.app.registrations import Registration
from baselift.app.remove_registry import remove_registry
from baselift.app.world import NotFound
from baselift.domain.runs import Status

EMPTY = "Dockerfile 'Dockerfile' is not in the build context"
GONE = f"agent pool 'pool1' does not exist in registry '{REGISTRY}'"


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    return Quick(tmp_path)


async def test_a_pool_lets_through_as_many_runs_as_its_count(quick):
    await quick.pool(2)
    for _ in range(5):
        await quick.ask("pool1")
    async with quick.draining():
        await quick.sources.until(inside=2)
        await quick.until_waiting(3)
    assert await quick.over() == [EMPTY] * 5
    assert quick.sources.most == 2


async def test_runs_that_wait_are_counted_and_the_others_are_not(quick):
    await quick.pool(1)
    for pool in ("POOL1", "pool1", "pool1", None):
        await quick.ask(pool)
    async with quick.draining():
        await quick.sources.until(inside=2)
        await quick.until_waiting(2, "Pool1")
    assert await count_waiting(quick.world, REGISTRY, "pool1") == 0


async def test_those_who_wait_go_on_in_the_order_in_which_they_were_asked_for(quick):
    await quick.pool(1)
    for _ in range(4):
        await quick.ask("pool1")
    async with quick.draining(builders=4):
        await quick.sources.until(inside=1)
    await quick.over()
    started = [run.started for run in await quick.runs()]
    assert started[1:] == sorted(started[1:])


async def test_a_pool_of_none_starts_nothing_until_its_count_is_raised(quick):
    quick.sources.go.set()
    await quick.pool(0)
    for _ in range(3):
        await quick.ask("pool1")
    await quick.drain()
    assert {run.status for run in await quick.runs()} == {Status.QUEUED}
    await quick.pool(2)
    await quick.drain()
    assert await quick.over() == [EMPTY] * 3


async def test_a_smaller_count_lets_those_who_started_go_on(quick):
    await quick.pool(2)
    for _ in range(3):
        await quick.ask("pool1")
    async with quick.draining():
        await quick.sources.until(inside=2)
        await quick.pool(1)
        assert quick.sources.inside == 2
    assert await quick.over() == [EMPTY] * 3


async def test_a_run_that_waits_for_its_pool_keeps_its_place_in_its_task(quick):
    await quick.pool(0)
    await quick.ask("pool1", task="first")
    await quick.ask(None, task="FIRST")
    quick.sources.go.set()
    await quick.drain()
    assert [run.status for run in await quick.runs()] == [Status.QUEUED] * 2
    await quick.pool(1)
    await quick.drain()
    assert await quick.over() == [EMPTY] * 2
    older, newer = await quick.runs()
    assert older.finished <= newer.started


async def test_a_run_that_is_canceled_while_it_waits_leaves_the_queue(quick):
    await quick.pool(0)
    canceled, _ = await quick.ask("pool1"), await quick.ask("pool1")
    await quick.drain()
    await cancel_run(quick.world, REGISTRY, canceled.id)
    assert await count_waiting(quick.world, REGISTRY, "pool1") == 1
    await quick.pool(1)
    await quick.settle()
    assert await quick.over() == ["the run was canceled", EMPTY]


async def test_runs_that_wait_for_a_pool_fail_when_it_is_deleted_and_those_that_started_go_on(quick):
    await quick.pool(1)
    for _ in range(3):
        await quick.ask("pool1")
    async with quick.draining():
        await quick.sources.until(inside=1)
        assert await delete_pool(quick.world, REGISTRY, "pool1")
    errors = await quick.over()
    assert sorted(errors) == sorted([EMPTY, GONE, GONE])
    assert {run.status for run in await quick.runs()} == {Status.FAILED}


async def test_a_run_for_a_pool_that_is_not_there_fails_and_says_so_in_its_log(quick):
    run = await quick.ask("pool1", task="first")
    await quick.ask(None, task="first")
    quick.sources.go.set()
    await quick.drain()
    assert await quick.over() == [GONE, EMPTY]
    data, metadata = await quick.store.read_log(f"{REGISTRY}/{run.id}")
    assert data.decode().endswith(f"Error: {GONE}\r\n")
    assert metadata == {"complete": "failed"}


async def test_a_deleted_pool_is_shown_to_who_names_it_for_a_minute(quick):
    await quick.pool(1)
    assert await delete_pool(quick.world, REGISTRY, "POOL1")
    assert not await delete_pool(quick.world, REGISTRY, "pool1")
    assert (await get_pool(quick.world, REGISTRY, "pool1")).name == "pool1"
    assert [pool async for pool in every(quick.world, REGISTRY)] == []
    with pytest.raises(NotFound, match=GONE):
        await count_waiting(quick.world, REGISTRY, "pool1")
    quick.clock.turn(MARKED.total_seconds())
    with pytest.raises(NotFound, match=GONE):
        await get_pool(quick.world, REGISTRY, "pool1")
    assert await quick.rows("agentpools") == []


class Growing:
    """Tables in which the pool grows right before a run is noted as waiting for it."""

    def __init__(self, quick: Quick) -> None:
        self._quick = quick

    def __getattr__(self, name: str) -> Any:
        return getattr(self._quick.store, name)

    async def insert(self, table: str, row: Any) -> str:
        if table == GATES:
            await self._quick.pool(1)
        return await self._quick.store.insert(table, row)


async def test_a_run_that_looks_while_its_pool_grows_is_not_left_waiting(quick):
    quick.sources.go.set()
    await quick.pool(0)
    await quick.ask("pool1")
    await quick.drain(replace(quick.world, tables=Growing(quick)))
    assert await quick.over() == [EMPTY]


async def test_a_registry_that_is_removed_takes_its_pools_along(quick):
    other = Registration("second", "local", "localhost:2")
    await quick.world.registrations.put(other)
    await change_pool(quick.world, "second", "pool2", lambda _: {"properties": {"count": 1}})
    await remove_registry(quick.world, "second")
    assert [pool async for pool in every(quick.world, "second")] == []


async def test_a_pool_can_be_created_again_right_after_it_was_deleted(quick):
    await quick.pool(1)
    await delete_pool(quick.world, REGISTRY, "pool1")
    await quick.pool(3)
    quick.clock.turn(MARKED.total_seconds())
    assert (await get_pool(quick.world, REGISTRY, "pool1")).count == 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_builder_killed_at_any_call_leaves_nobody_at_a_gate(tmp_path, after):
    calls = await _killed(Quick(tmp_path), Process())
    assert {"store.insert", "store.replace", "store.delete", "store.send"} <= set(calls)
    for number in range(len(calls)):
        await _killed(Quick(tmp_path), Process(number, after))


async def _killed(quick: Quick, process: Process) -> list[str]:
    """A pool of one with three runs, two of them of one task; one of the builders dies."""
    quick.sources.go.set()
    await quick.pool(1)
    for task in ("first", "first", None):
        await quick.ask("pool1", task)
    await until_death(quick.drain(process.world(quick.world), builders=2))
    await quick.settle()
    assert await quick.over() == [EMPTY] * 3, f"killed at {process.at}"
    return process.calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_deletion_killed_at_any_call_leaves_no_run_waiting(tmp_path, after):
    calls = (await _deleted(Quick(tmp_path), Process())).calls
    assert "store.send" in calls
    for number in range(len(calls)):
        await _deleted(Quick(tmp_path), Process(number, after))


async def _deleted(quick: Quick, process: Process) -> Process:
    quick.sources.go.set()
    await quick.pool(0)
    for _ in range(2):
        await quick.ask("pool1")
    await quick.drain()
    if not await until_death(delete_pool(process.world(quick.world), REGISTRY, "pool1")):
        await delete_pool(quick.world, REGISTRY, "pool1")
    await quick.settle()
    assert await quick.over() == [GONE] * 2, f"killed at {process.at}"
    return process
