"""Task runs: what starts a run, what does not, and a process that dies on the way."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from app.crashing import Process, until_death
from app.quick import Quick
from app.site import REGISTRY, SCOPE

from baselift.app.request_run import Ask
from baselift.app.start_task_run import Declared, change_task_run, delete_task_run, get_task_run
from baselift.app.world import NotFound, World
from baselift.arm import task_runs
from baselift.domain.runs import Cause, Run, Status

ABSENT = {
    "type": "DockerBuildRequest",
    "sourceLocation": "tasks-source/absent.tar.gz",
    "dockerFilePath": "Dockerfile",
    "isPushEnabled": False,
}


@pytest.fixture
def quick(tmp_path: Path) -> Quick:
    quick = Quick(tmp_path)
    quick.sources.go.set()
    return quick


async def put(quick: Quick, tag: str | None = "1", world: World | None = None, **request: Any) -> Run:
    """Declare the task run, as the API does."""
    wanted = ABSENT | request
    body = {"location": "local", "properties": {"runRequest": wanted, "forceUpdateTag": tag}}

    async def change(existing: Any) -> Declared:
        await asyncio.sleep(0)
        document = task_runs.create(body, existing, scope=SCOPE, name="declared", ids=lambda: "id")
        if not task_runs.starts_run(document, existing):
            return Declared(document, None)
        cause = Cause("request", f"declared|{tag}", quick.clock().isoformat())
        return Declared(document, Ask(REGISTRY, cause, document["properties"]["runRequest"], "QuickBuild"))

    _, run = await change_task_run(world or quick.world, REGISTRY, "declared", change)
    return run


async def test_declaring_the_same_again_starts_nothing_new(quick):
    first = await put(quick)
    assert (await put(quick)).id == first.id
    await quick.drain()
    again = await put(quick)
    assert (again.id, again.status) == (first.id, Status.FAILED)
    assert len(await quick.runs()) == 1


@pytest.mark.parametrize("change", [{"tag": "2"}, {"tag": None}, {"dockerFilePath": "other"}])
async def test_another_tag_or_another_request_starts_a_run(quick, change):
    first = await put(quick)
    second = await put(quick, **change)
    assert second.id != first.id
    _, result = await get_task_run(quick.world, REGISTRY, "DECLARED")
    assert result is not None
    assert result.id == second.id


async def test_a_tag_that_comes_back_starts_a_run_each_time(quick):
    ids = {(await put(quick, tag)).id for tag in ("1", "2", "1")}
    assert len(ids) == 3


async def test_two_who_declare_the_same_at_once_get_one_run(quick):
    first, second = await asyncio.gather(put(quick), put(quick))
    assert first.id == second.id
    assert len(await quick.runs()) == 1


async def test_a_task_run_that_was_deleted_starts_a_run_when_it_is_declared_again(quick):
    first = await put(quick)
    assert await delete_task_run(quick.world, REGISTRY, "declared")
    assert not await delete_task_run(quick.world, REGISTRY, "declared")
    with pytest.raises(NotFound, match="task run 'declared' does not exist"):
        await get_task_run(quick.world, REGISTRY, "declared")
    assert (await put(quick)).id != first.id
    await quick.settle()
    assert [run.status for run in await quick.runs()] == [Status.FAILED] * 2


async def test_the_result_is_the_run_as_it_is_now(quick):
    await put(quick)
    states = []
    for _ in range(2):
        stored, run = await get_task_run(quick.world, REGISTRY, "declared")
        shown = task_runs.show(stored.document, run, SCOPE, secrets=False)["properties"]
        states.append((shown["provisioningState"], shown["runResult"]["properties"]["status"]))
        await quick.drain()
    assert states == [("Creating", "Queued"), ("Failed", "Failed")]


async def test_a_secret_of_the_request_is_in_no_row(quick):
    argument = {"name": "A", "value": "s3cret-marker", "isSecret": True}
    first = await put(quick, arguments=[argument])
    assert (await put(quick, arguments=[argument])).id == first.id
    rows = [row.values for table in ("taskruns", "runs", "pendingtaskruns") for row in await quick.rows(table)]
    assert len(rows) == 2
    assert "s3cret-marker" not in json.dumps(rows)
    assert quick.world.unseal(first.request)["arguments"] == [argument]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("again", [False, True], ids=["given up", "asked again"])
async def test_a_process_killed_at_any_call_leaves_one_run_or_nothing(tmp_path, after, again):
    calls = await _killed(Quick(tmp_path), Process(), again=False)
    assert calls.count("store.insert") >= 3
    for number in range(len(calls)):
        await _killed(Quick(tmp_path), Process(number, after), again=again)


async def _killed(quick: Quick, process: Process, *, again: bool) -> list[str]:
    survived = await until_death(put(quick, world=process.world(quick.world)))
    assert survived == (process.at is None)
    if again:
        await put(quick)
    await quick.settle()
    errors = await quick.over()
    assert await quick.rows("pendingtaskruns") == []
    assert len(errors) == len(await quick.rows("taskruns")), f"killed at {process.at}"
    assert len(errors) == 1 or not (survived or again)
    return process.calls
