"""A process killed at any storage or registry call of a run: one committed run, a complete log, the tag in place."""

import re
from dataclasses import replace

import pytest
from app.crashing import Process, until_death
from app.site import REGISTRY, Site

from baselift.app import run_rows
from baselift.app.on_push import on_push
from baselift.domain.runs import Run, Status


async def prepared(site: Site) -> None:
    """A task that was scanned, and a base that moved since; nobody was told."""
    await site.put_task(imageNames=[f"{site.name}/app:latest"])
    await site.drain()
    await site.push_base("2")


async def follow(site: Site, process: Process) -> bool:
    """What one process does of the story: hear of the push, execute what it causes."""
    world = process.world(site.world)

    async def story() -> None:
        await on_push(world, site.base)
        await site.drain(world)

    return await until_death(story())


async def check(site: Site) -> None:
    """Whatever happened, this holds in the end."""
    (run,) = await site.runs()
    assert run.status is Status.SUCCEEDED
    assert await site.tag("app:latest") == run.outputs[0].digest
    await check_log(site, run)
    assert [row async for row in site.store.query(run_rows.ACTIVE)] == []
    locks = [row async for row in site.store.query("tasklocks")]
    assert all(row.values["active"] == 0 for row in locks)
    assert not list(site.world.scratch.glob("run-*"))


async def check_log(site: Site, run: Run) -> None:
    data, metadata = await site.store.read_log(f"{REGISTRY}/{run.id}")
    text = data.decode()
    assert metadata == {"complete": "successful"}
    assert len(re.findall(r"was successful after", text)) == 1
    assert re.search(rf"Run ID: {run.id} was successful after \d+s\r\n\Z", text)
    assert text.count("Attempt") == run.attempt - 1


@pytest.fixture
async def calls(site: Site) -> list[str]:
    """The calls of the story when nothing goes wrong."""
    process = Process()
    await prepared(site)
    assert await follow(site, process)
    await check(site)
    return process.calls


async def again(site: Site, number: int) -> Site:
    """A fresh site beside this one, on the same parts."""
    other = replace(site, name=f"{site.name}-{number}")
    await other.push_base("1")
    other.write_app()
    await prepared(other)
    return other


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_process_killed_at_any_call_leaves_one_committed_run(site: Site, calls: list[str], after: bool):
    assert {"store.insert", "store.replace", "store.append", "registry.publish", "registry.tag"} <= set(calls)
    for number in range(len(calls)):
        other = await again(site, number)
        assert not await follow(other, Process(number, after)), f"call {number} {calls[number]} was not made"
        await other.settle()
        try:
            await check(other)
        except AssertionError as error:
            raise AssertionError(f"killed {'after' if after else 'before'} call {number}, {calls[number]}") from error
