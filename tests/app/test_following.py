"""Images follow their base: what makes a run, what makes none, and how often."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from app.site import REGISTRY, Site

from baselift.app import base_rows, task_rows
from baselift.app.cancel_run import cancel_run
from baselift.app.change_task import delete_task
from baselift.app.on_push import on_push
from baselift.app.reconcile import reconcile
from baselift.app.world import BUILDS, Refused
from baselift.domain.runs import Status


class Moving:
    """The registry, where the base moves right after a run has pinned it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site.registries, name)

    async def resolve(self, *args: Any) -> Any:
        found = await self._site.registries.resolve(*args)
        await self._site.push_base("2")
        return found


async def created(site: Site, **changes: object) -> None:
    await site.put_task(**changes)
    await site.drain()


async def test_a_task_that_never_ran_is_built_once_when_its_base_moves(site: Site):
    await created(site)
    digest = await site.push_base("2")
    runs = await on_push(site.world, site.base)
    await site.drain()
    (run,) = await site.runs()
    assert [each.id for each in runs] == [run.id]
    assert (run.status, run.cause.kind, run.run_type) == (Status.SUCCEEDED, "image", "AutoBuild")
    assert run.cause.images[0].digest == digest == run.bases[0].image.digest
    assert await site.tag(f"app:{run.id}") == run.outputs[0].digest


async def test_five_deliveries_of_one_push_make_one_run(site: Site):
    await created(site)
    await site.push_base("2")
    await asyncio.gather(*(on_push(site.world, site.base) for _ in range(5)))
    await site.drain()
    await on_push(site.world, site.base)
    await site.settle()
    assert len(await site.runs()) == 1


async def test_a_lost_event_is_found_by_the_reconciler(site: Site):
    await created(site)
    await site.push_base("2")
    await reconcile(site.world)
    await site.drain()
    (run,) = await site.runs()
    assert run.status is Status.SUCCEEDED
    assert run.cause.kind == "image"


async def test_the_same_manifest_pushed_again_makes_no_run(site: Site):
    await created(site)
    first = await site.push_base("1")
    assert first == await site.push_base("1")
    assert await on_push(site.world, site.base) == []
    await site.settle()
    assert await site.runs() == []


async def test_a_base_that_moves_and_moves_back_makes_two_runs(site: Site):
    await created(site)
    for version in ("2", "1"):
        await site.push_base(version)
        await on_push(site.world, site.base)
        await site.drain()
    runs = await site.runs()
    assert [run.status for run in runs] == [Status.SUCCEEDED] * 2
    assert runs[0].bases[0].image.digest != runs[1].bases[0].image.digest


async def test_the_same_source_on_the_same_base_gives_the_same_digest(site: Site):
    await created(site)
    await site.ask()
    await site.ask()
    await site.drain()
    first, second = await site.runs()
    assert first.outputs[0].digest == second.outputs[0].digest
    assert first.fingerprint == second.fingerprint


async def test_a_run_that_already_used_the_new_base_leaves_nothing_to_do(site: Site):
    await created(site)
    await site.push_base("2")
    await site.ask()
    await site.drain()
    assert await on_push(site.world, site.base) == []
    await site.settle()
    assert len(await site.runs()) == 1


async def test_a_base_that_moved_while_a_run_was_building_makes_one_more(site: Site):
    await created(site)
    run = await site.ask()
    await site.drain(replace(site.world, registries=Moving(site)))
    await site.settle()
    later, first = await site.runs()
    assert first.id == run.id
    assert (later.cause.kind, later.status) == ("image", Status.SUCCEEDED)
    assert later.bases[0].image.digest != first.bases[0].image.digest


async def test_a_trigger_that_was_off_while_its_base_moved_fires_once_when_it_is_on_again(site: Site):
    await created(site)
    await created(site, trigger={"name": "base", "baseImageTriggerType": "Runtime", "status": "Disabled"})
    await site.push_base("2")
    assert await on_push(site.world, site.base) == []
    await created(site)
    await created(site)
    await site.settle()
    assert len(await site.runs()) == 1


@pytest.mark.parametrize("off", [{"trigger": None}, {"status": "Disabled"}])
async def test_a_task_without_a_working_trigger_is_not_built(site: Site, off: dict[str, object]):
    await created(site, **off)
    await site.push_base("2")
    await site.settle()
    assert await site.runs() == []


async def test_a_buildtime_base_fires_only_for_a_trigger_of_type_all(site: Site):
    site.write_app(f"FROM {site.base} AS build\nRUN echo x > /x\nFROM scratch\nCOPY --from=build /x /x\n")
    await created(site)
    await site.push_base("2")
    await site.settle()
    assert await site.runs() == []
    await created(site, trigger={"name": "base", "baseImageTriggerType": "All", "status": "Enabled"})
    await site.settle()
    (run,) = await site.runs()
    assert (run.status, run.bases[0].kind) == (Status.SUCCEEDED, "Buildtime")


async def test_an_image_on_its_own_output_does_not_rebuild_itself(site: Site):
    await created(site, imageNames=[f"{site.name}/node:9-alpine"])
    await site.ask()
    await site.drain()
    await site.settle()
    runs = await site.runs()
    assert [run.cause.kind for run in runs] == ["request"]
    assert runs[0].status is Status.SUCCEEDED


async def test_a_chain_of_tasks_follows_to_its_end(site: Site):
    await created(site, imageNames=[f"{site.name}/middle:1"])
    await site.ask()
    await site.drain()
    leaf = f"{site.name}-leaf"
    site.git.create(f"{leaf}.git", {"Dockerfile": f"FROM {site.registry.host}/{site.name}/middle:1\n"})
    await site.put_task(
        name="taskleaf", contextPath=site.git.address(f"{leaf}.git"), imageNames=[f"{site.name}/leaf:1"]
    )
    await site.drain()
    before = await site.tag("leaf:1")
    await site.push_base("2")
    await on_push(site.world, site.base)
    await site.drain()
    runs = await site.runs()
    assert [(run.task, run.cause.kind, run.status) for run in runs[:2]] == [
        ("taskleaf", "image", Status.SUCCEEDED),
        ("taskhello", "image", Status.SUCCEEDED),
    ]
    assert before is None
    assert await site.tag("leaf:1") is not None


async def test_a_deleted_task_is_not_built_and_its_base_is_forgotten(site: Site):
    await created(site)
    assert await delete_task(site.world, REGISTRY, "taskhello")
    await site.push_base("2")
    await site.settle()
    assert await site.runs() == []
    assert await base_rows.get(site.world, site.base) is None


async def test_a_source_that_cannot_be_read_is_told_on_the_task(site: Site):
    await created(site, contextPath=site.git.address("absent.git"))
    task = await task_rows.get(site.world, REGISTRY, "taskhello")
    assert task is not None
    assert "absent.git" in task.edges.problem


async def test_a_lost_scan_message_is_sent_again(site: Site):
    await site.put_task()
    site.store.receive("scans")
    site.clock.turn(site.world.lease.total_seconds() + 1)
    await reconcile(site.world)
    await site.drain()
    assert await base_rows.get(site.world, site.base) is not None


async def test_a_lost_run_message_is_sent_again(site: Site):
    await created(site)
    await site.ask()
    site.store.receive(BUILDS)
    await site.settle()
    assert [run.status for run in await site.runs()] == [Status.SUCCEEDED]


async def test_the_same_request_makes_the_same_run(site: Site):
    await created(site)
    first, second = await asyncio.gather(site.ask(request="r1"), site.ask(request="r1"))
    assert first.id == second.id
    assert (await site.ask(request="r2")).id != first.id


async def test_an_older_run_never_puts_its_tag_over_a_newer_one(site: Site):
    await created(site, imageNames=[f"{site.name}/app:latest"])
    older = await site.ask()
    newer = await site.ask()
    both = site.store.receive(BUILDS)
    assert len(both) == 2
    for text in both:
        await site.store.send(BUILDS, text)
    await site.settle()
    runs = {run.id: run for run in await site.runs()}
    assert runs[older.id].finished < runs[newer.id].started


async def test_a_queued_run_is_canceled_at_once(site: Site):
    await created(site)
    run = await site.ask()
    await cancel_run(site.world, REGISTRY, run.id)
    await site.settle()
    (ended,) = await site.runs()
    assert ended.status is Status.CANCELED
    assert await site.tag(f"app:{run.id}") is None
    assert (await site.log(ended)).endswith(f"Run ID: {run.id} failed after 0s. Error: the run was canceled\r\n")
    with pytest.raises(Refused, match="over already: Canceled"):
        await cancel_run(site.world, REGISTRY, run.id)
