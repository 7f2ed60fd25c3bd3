"""A process killed at any storage or registry call of a run: one committed run, a complete log, the tag in place."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from app.crashing import Process, until_death
from app.remembering import Remembering
from app.site import REGISTRY, Site

from baselift.app import run_rows
from baselift.app.execute_run import execute_run
from baselift.app.lease import Lease
from baselift.app.on_push import on_push
from baselift.domain.runs import Run, Status

LONG = timedelta(minutes=10)
EVERY = 16
"""A test kills at every so many calls, as far as the story goes; the campaign has the tests for all of them."""


async def prepared(site: Site) -> None:
    """A task that was scanned, and a base that moved since; nobody was told."""
    await site.put_task(imageNames=[f"{site.name}/app:latest"])
    await site.drain()
    await site.push_base("2")


async def follow(site: Site, process: Process, engine: Remembering | None = None) -> bool:
    """What one process does of the story: hear of the push, execute what it causes."""
    world = process.world(site.world)
    if engine:
        world = replace(world, engine=lambda: engine)

    async def story() -> None:
        await on_push(world, site.base)
        await site.drain(world)

    return await until_death(story())


async def holds(site: Site) -> bool:
    try:
        await check(site)
    except (AssertionError, ValueError):
        return False
    return True


async def check(site: Site) -> None:
    """Whatever happened, this holds in the end."""
    (run,) = await site.runs()
    assert run.status is Status.SUCCEEDED
    assert await site.tag("app:latest") == run.outputs[0].digest
    await check_log(site, run)
    assert [row async for row in site.store.query(run_rows.ACTIVE)] == []
    assert [row async for row in site.store.query("gates")] == []
    assert not list(site.world.scratch.glob("run-*"))


async def check_log(site: Site, run: Run) -> None:
    data, metadata = await site.store.read_log(f"{REGISTRY}/{run.id}")
    text = data.decode()
    assert metadata == {"complete": "successful"}
    assert len(re.findall(r"was successful after", text)) == 1
    assert re.search(rf"Run ID: {run.id} was successful after \d+s\r\n\Z", text)
    assert text.count("Attempt") == run.attempt - 1


@pytest.fixture
def engine(site: Site, tmp_path: Path) -> Remembering:
    """The site's engine, which builds what these stories build once."""
    return Remembering(site.world.engine(), tmp_path)


@pytest.fixture
async def calls(site: Site, engine: Remembering) -> list[str]:
    """The calls of the story when nothing goes wrong, and the image was built before."""
    await prepared(site)
    assert await follow(site, Process(), engine)
    process, other = Process(), await again(site, -1)
    assert await follow(other, process, engine)
    await check(other)
    return process.calls


async def again(site: Site, number: int) -> Site:
    """A fresh site beside this one, on the same parts."""
    other = replace(site, name=f"{site.name}-{number}")
    await other.push_base("1")
    other.write_app()
    await prepared(other)
    return other


@pytest.mark.parametrize(
    ("after", "part"),
    [
        pytest.param(False, 0, id="before the first, seventeenth and so on"),
        pytest.param(True, 8, id="after the ninth and so on"),
        *(
            pytest.param(after, part, marks=pytest.mark.campaign)
            for after in (False, True)
            for part in range(EVERY)
            if (after, part) not in ((False, 0), (True, 8))
        ),
    ],
)
async def test_a_process_killed_at_any_call_leaves_one_committed_run(
    site: Site, engine: Remembering, calls: list[str], after: bool, part: int
):
    assert {"store.insert", "store.replace", "store.append", "registry.publish", "registry.tag"} <= set(calls)
    killed, numbers = True, count(part, EVERY)
    while killed:
        number = next(numbers)
        process, other = Process(number, after), await again(site, number)
        killed = not await follow(other, process, engine)
        assert killed is (number < len(process.calls)), f"killed at call {number}, or not reached"
        other.world = replace(other.world, engine=lambda: engine)
        await other.settle()
        try:
            await check(other)
        except AssertionError as error:
            raise AssertionError(f"{'after' if after else 'before'} call {number}, {process.calls[-1]}") from error
    assert number > part


async def test_without_the_reconciler_a_crash_leaves_work_undone(site: Site, calls: list[str]):
    recorded = calls.index("store.replace")
    site = await again(site, 0)
    assert not await follow(site, Process(recorded, after=True))
    await site.drain()
    assert not await holds(site)
    await site.settle()
    assert await holds(site)


class Frozen:
    """A registry whose client stops right after an upload until it is let go: a process that is suspended."""

    def __init__(self, site: Site) -> None:
        self._site, self.uploaded, self.go = site, asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site.registries, name)

    async def publish(self, *args: Any) -> str:
        digest = await self._site.registries.publish(*args)
        self.uploaded.set()
        await self.go.wait()
        return digest


async def overtaken(site: Site) -> None:
    """A builder is suspended before it tags, another takes its run over on a newer base, and the first wakes up."""
    await prepared(site)
    await on_push(site.world, site.base)
    (run,) = await site.runs()
    frozen = Frozen(site)
    zombie = asyncio.create_task(
        execute_run(replace(site.world, registries=frozen, poll=1e6, lease=LONG), REGISTRY, run.id)
    )
    await frozen.uploaded.wait()
    await site.push_base("3")
    site.clock.turn(LONG.total_seconds() + 1)
    await execute_run(site.world, REGISTRY, run.id)
    frozen.go.set()
    await zombie


async def test_a_builder_that_was_overtaken_does_not_move_the_tag(site: Site):
    await overtaken(site)
    await check(site)


async def test_without_the_lease_check_it_would(site: Site, monkeypatch: pytest.MonkeyPatch):
    async def unchecked(_: Lease) -> timedelta:
        return LONG

    monkeypatch.setattr(Lease, "check", unchecked)
    await overtaken(site)
    assert not await holds(site)
