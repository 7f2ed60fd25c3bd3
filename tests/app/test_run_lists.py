"""Lists of runs: what they read, and a run that is marked."""

import asyncio
from pathlib import Path

import pytest
from app.crashing import Process
from app.quick import Quick
from app.site import REGISTRY

from baselift.app.archive_run import archive_run
from baselift.app.list_runs import Page, list_runs
from baselift.app.world import NotFound
from baselift.arm import filters
from baselift.domain.runs import Status

UNFINISHED = "Status eq 'Queued' or Status eq 'Running'"


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    quick = Quick(tmp_path)
    quick.sources.go.set()
    return quick


async def page(quick: Quick, text: str, process: Process | None = None, **options: int) -> Page:
    wanted = filters.parse(text)
    world = process.world(quick.world) if process else quick.world
    options = {"size": 10, **options}
    return await list_runs(world, REGISTRY, wanted.matches, task=wanted.task, statuses=wanted.statuses, **options)


async def cost(quick: Quick, text: str) -> tuple[list[str], int]:
    """The runs that a list gives, and how many rows it read for them one by one or by a query."""
    process = Process()
    rows = 0
    query = quick.store.query

    async def counted(*args, **kwargs):
        nonlocal rows
        async for row in query(*args, **kwargs):
            rows += 1
            yield row

    quick.store.query = counted
    found = await page(quick, text, process)
    del quick.store.query
    return [run.id for run in found.runs], rows + len(process.calls)


@pytest.mark.parametrize("text", [UNFINISHED, "Status eq 'Queued'", f"TaskName eq 'first' and ({UNFINISHED})"])
async def test_runs_that_are_not_over_are_listed_at_the_same_cost_however_many_are(quick, text):
    costs = []
    for _ in range(2):
        for _ in range(20):
            await quick.ask(task="first")
        await quick.drain()
        waiting = [await quick.ask(task="first") for _ in range(3)]
        found, read = await cost(quick, text)
        assert found == [run.id for run in waiting][::-1]
        costs.append(read)
        await quick.drain()
    assert costs[0] == costs[1]
    assert costs[0] <= 2 * len(waiting)


async def test_a_state_that_is_final_is_still_found(quick):
    await quick.ask()
    await quick.drain()
    await quick.ask()
    both = await page(quick, "Status eq 'Failed' or Status eq 'Queued'")
    assert [run.status for run in both.runs] == [Status.QUEUED, Status.FAILED]


async def test_pages_of_runs_that_are_not_over_go_on_where_the_last_ended(quick):
    asked = [(await quick.ask()).id for _ in range(20)]
    found: list[str] = []
    below: int | None = None
    while True:
        part = await page(quick, UNFINISHED, size=7, below=below)
        found += [run.id for run in part.runs]
        below = part.below
        if below is None:
            break
    assert found == asked[::-1]


async def test_no_run_is_both_queued_and_running(quick):
    await quick.ask()
    assert (await page(quick, "Status eq 'Queued' and Status eq 'Running'")).runs == []


async def test_a_mark_that_is_set_while_a_run_goes_on_outlives_its_end(quick):
    quick.sources.go.clear()
    run = await quick.ask()
    async with quick.draining():
        await quick.sources.until(inside=1)
        marked = await archive_run(quick.world, REGISTRY, run.id, archived=True)
        assert (marked.archived, marked.status) == (True, Status.RUNNING)
    (ended,) = await quick.runs()
    assert (ended.archived, ended.status) == (True, Status.FAILED)
    assert ended.attempt == 1


async def test_a_mark_can_be_taken_back_and_nothing_leaves_it_as_it_is(quick):
    run = await quick.ask()
    await quick.drain()
    for given, left in ((True, True), (None, True), (False, False), (None, False)):
        assert (await archive_run(quick.world, REGISTRY, run.id, archived=given)).archived is left
    await asyncio.gather(*(archive_run(quick.world, REGISTRY, run.id, archived=True) for _ in range(3)))
    assert [each.archived for each in await quick.runs()] == [True]
    with pytest.raises(NotFound, match="run 'zz9' does not exist"):
        await archive_run(quick.world, REGISTRY, "zz9", archived=True)
