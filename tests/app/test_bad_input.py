"""A run that cannot succeed ends Failed, says why in its last line, and pushes nothing."""

import asyncio
import re

import pytest
from app.site import REGISTRY, Site

from baselift.app import run_rows
from baselift.app.cancel_run import cancel_run
from baselift.app.execute_run import execute_run
from baselift.domain.runs import Run, Status


async def failed(site: Site, **step: object) -> Run:
    await site.put_task(**step)
    await site.ask()
    await site.drain()
    (run,) = await site.runs()
    log = await site.log(run)
    assert run.status is Status.FAILED
    assert log.endswith(f"Error: {run.error}\r\n")
    assert "Traceback" not in log
    assert await site.tag(f"app:{run.id}") is None
    return run


@pytest.mark.parametrize(
    ("dockerfile", "step", "reason"),
    [
        (None, {"dockerFilePath": "absent"}, "Dockerfile 'absent' is not in the build context"),
        ("FROM\n", {}, "'Dockerfile': Dockerfile line 1: "),
        ("FROM {host}/no/such:1\n", {}, "base image .*no/such:1 .*does not exist"),
        ("FROM {base}\nRUN exit 42\n", {}, "42"),
        ("FROM {base}\nCOPY absent /\n", {}, "absent"),
        (None, {"target": "absent"}, "absent"),
        (None, {"imageNames": ["app:{{.Run.ID | bad}}"]}, "image name"),
        (None, {"imageNames": ["localhost:1/app:{{.Run.ID}}"]}, "localhost:1"),
    ],
)
async def test_what_cannot_be_built_says_why(site: Site, dockerfile: str | None, step: dict[str, object], reason: str):
    if dockerfile is not None:
        site.write_app(dockerfile.format(host=site.registry.host, base=site.base))
    run = await failed(site, **step)
    assert run.error is not None
    assert re.search(reason, run.error), run.error


async def test_a_context_that_cannot_be_fetched_says_why(site: Site):
    run = await failed(site, contextPath=site.git.address("absent.git"))
    assert "absent.git" in (run.error or "")


async def test_a_run_is_canceled_while_it_builds(site: Site):
    site.write_app(f"FROM {site.base}\nRUN echo begun; while :; do :; done\n")
    await site.put_task()
    run = await site.ask()
    site.store.receive("builds")
    building = asyncio.create_task(execute_run(site.world, REGISTRY, run.id))
    while "begun" not in await site.log(run):
        await asyncio.sleep(0.05)
    await cancel_run(site.world, REGISTRY, run.id)
    await building
    stored = await run_rows.get(site.world, REGISTRY, run.id)
    assert stored is not None
    assert stored.run.status is Status.CANCELED
    assert await site.tag(f"app:{run.id}") is None
    assert not list(site.world.scratch.iterdir())


async def test_a_run_ends_at_its_timeout(site: Site):
    site.write_app(f"FROM {site.base}\nRUN echo begun; while :; do :; done\n")
    await site.put_task()
    run = await site.ask()
    site.store.receive("builds")
    building = asyncio.create_task(execute_run(site.world, REGISTRY, run.id))
    while "begun" not in await site.log(run):
        await asyncio.sleep(0.05)
    site.clock.turn(3600)
    await building
    stored = await run_rows.get(site.world, REGISTRY, run.id)
    assert stored is not None
    assert stored.run.status is Status.TIMEOUT
    assert "3600" in (stored.run.error or "")


async def test_a_run_that_loses_its_builder_time_and_again_is_given_up(site: Site):
    await site.put_task()
    run = await site.ask()
    for attempt in range(site.world.attempts):
        stored = await run_rows.get(site.world, REGISTRY, run.id)
        assert stored is not None
        await run_rows.save(site.world, stored, stored.run.claimed(f"lost-{attempt}", site.clock(), site.world.lease))
        site.clock.turn(site.world.lease.total_seconds() + 1)
    await site.settle()
    (ended,) = await site.runs()
    assert ended.status is Status.ERROR
    assert "5 attempts" in (ended.error or "")


async def test_a_builder_that_is_stopped_gives_its_run_back_at_once(site: Site):
    site.write_app(f"FROM {site.base}\nRUN echo begun; sleep 5\n")
    await site.put_task()
    run = await site.ask()
    site.store.receive("builds")
    building = asyncio.create_task(execute_run(site.world, REGISTRY, run.id))
    while "begun" not in await site.log(run):
        await asyncio.sleep(0.05)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    site.write_app(f"FROM {site.base}\n")
    await execute_run(site.world, REGISTRY, run.id)
    stored = await run_rows.get(site.world, REGISTRY, run.id)
    assert stored is not None
    assert (stored.run.status, stored.run.attempt, stored.run.error) == (Status.SUCCEEDED, 2, None)
