"""Multi-arch bases: which movements of an index concern a task, and the settle window that joins their pushes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from app.shelf import Shelf, Shelved, shelved

from baselift.app import base_rows, reasons
from baselift.app.on_push import on_push
from baselift.app.ports import Row
from baselift.app.reconcile import reconcile
from baselift.app.world import LOOKS
from baselift.domain import settling
from baselift.domain.images import Reference

NAME = "node:22"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Shelved]:
    async with shelved(tmp_path) as (made, _):
        yield made


@pytest.fixture
def shelf(site: Shelved) -> Shelf:
    return site.shelf


@pytest.fixture
def base(shelf: Shelf) -> Reference:
    """An index for two platforms, at its first version."""
    shelf.index(NAME, shelf.entry(NAME, "linux/amd64", "a1"), shelf.entry(NAME, "linux/arm64/v8", "b1"))
    return shelf.image(NAME)


def at_once(site: Shelved) -> None:
    site.world = replace(site.world, settle=timedelta())


async def rules(site: Shelved, task: str) -> list[str]:
    return [reason.rule for reason in await reasons.of_task(site.world, "baselift", task)]


async def test_an_index_whose_platform_moved_fires_and_the_edge_knows_the_manifest(site, shelf, base):
    at_once(site)
    await site.follow("task1", base)
    amd64 = shelf.entry(NAME, "linux/amd64", "a2")
    shelf.index(NAME, amd64, shelf.entry(NAME, "linux/arm64/v8", "b1"))
    (run,) = await on_push(site.world, base)
    assert run.task == "task1"
    stored = await base_rows.get(site.world, base)
    dependent = await base_rows.dependent(site.world, base, "baselift", "task1")
    assert stored.base.manifest("linux/amd64") == amd64["digest"]
    assert dependent.edge.manifests == {"linux/amd64": amd64["digest"]}


async def test_other_platforms_and_attestations_do_not_fire(site, shelf, base):
    at_once(site)
    await site.follow("task1", base)
    await site.follow("task2", base, platform="linux/arm64")
    attestation = shelf.entry(NAME, "unknown/unknown") | {
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"}
    }
    amd64 = shelf.entry(NAME, "linux/amd64", "a1")
    shelf.index(NAME, amd64, shelf.entry(NAME, "linux/arm64/v8", "b1"), attestation)
    assert await on_push(site.world, base) == []
    shelf.index(NAME, amd64, shelf.entry(NAME, "linux/arm64/v8", "b2"), attestation)
    assert [run.task for run in await on_push(site.world, base)] == ["task2"]
    assert await rules(site, "task1") == ["platform-unchanged", "platform-unchanged"]
    shelf.index(NAME, shelf.entry(NAME, "linux/amd64", "a2"), attestation)
    assert [run.task for run in await on_push(site.world, base)] == ["task1"]
    assert (await rules(site, "task2"))[0] == "platform-absent"


async def test_a_nested_index_is_opened(site, shelf, base):
    at_once(site)
    await site.follow("task1", base)

    def nested(amd64: str, arm64: str) -> None:
        digest = shelf.index(
            "node", shelf.entry(NAME, "linux/arm64/v8", arm64), shelf.entry(NAME, "linux/amd64", amd64)
        )
        shelf.index(NAME, {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 1})

    nested("a1", "b2")
    assert await on_push(site.world, base) == []
    nested("a2", "b2")
    assert [run.task for run in await on_push(site.world, base)] == ["task1"]
    await site.stand("task1", base)


async def test_indexes_nested_without_end_are_given_up(site, shelf, base):
    await site.follow("task1", base)
    digest = ""
    for _ in range(6):
        inner = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 1}
        digest = shelf.index("node", *([inner] if digest else []))
    shelf.index(NAME, {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 1})
    with pytest.raises(Exception, match="too many further indexes"):
        await site.registries.platforms(base)


async def test_a_plain_image_that_becomes_an_index_with_the_same_manifest_does_not_fire(site, shelf):
    at_once(site)
    shelf.manifest(NAME, "a1")
    base = shelf.image(NAME)
    await site.follow("task1", base)
    shelf.index(NAME, shelf.entry(NAME, "linux/amd64", "a1"))
    assert await on_push(site.world, base) == []
    shelf.manifest(NAME, "a2")
    assert len(await on_push(site.world, base)) == 1


async def test_rows_without_manifests_are_read_and_fire_by_digest(site, shelf, base):
    at_once(site)
    await site.follow("task1", base)
    for table, added in (("dependents", ("manifests",)), ("bases", ("manifests", "settling"))):
        (row,) = await site.rows(table)
        values = {name: value for name, value in row.values.items() if name not in added}
        await site.store.replace(table, Row(row.partition, row.key, values, row.etag))
    shelf.index(NAME, shelf.entry(NAME, "linux/amd64", "a1"))
    assert [run.task for run in await on_push(site.world, base)] == ["task1"]


async def test_the_pushes_of_one_update_are_one_movement(site, shelf, base):
    await site.follow("task1", base)
    amd64 = shelf.entry(NAME, "linux/amd64", "a2")
    shelf.index(NAME, amd64)
    assert await on_push(site.world, base) == []
    site.clock.turn(15)
    shelf.index(NAME, amd64, shelf.entry(NAME, "linux/arm64/v8", "b2"))
    await asyncio.gather(*(on_push(site.world, base) for _ in range(4)))
    site.clock.turn(15)
    assert await on_push(site.world, base) == []
    assert await site.caused() == []
    site.clock.turn(7)
    messages = site.store.receive(LOOKS)
    assert messages == [f"{base} person"] * 2
    for _ in messages:
        await on_push(site.world, base)
    (run,) = await site.caused()
    assert run.cause.images[0].digest == shelf.index(NAME, amd64, shelf.entry(NAME, "linux/arm64/v8", "b2"))
    stored = await base_rows.get(site.world, base)
    assert (stored.base.generation, stored.settling) == (2, None)
    settled = [each for each in await reasons.of_image(site.world, base) if each.rule == "settling"]
    assert settled


async def test_a_lost_message_of_a_settle_window_is_made_good_by_the_reconciler(site, shelf, base):
    site.world = replace(site.world, periods={"": 3600.0})
    await site.follow("task1", base)
    shelf.index(NAME, shelf.entry(NAME, "linux/amd64", "a2"))
    await on_push(site.world, base)
    await reconcile(site.world)
    assert await site.caused() == []
    site.clock.turn(21)
    await reconcile(site.world)
    assert len(await site.caused()) == 1


async def test_an_index_that_moves_back_within_its_window_moved_nothing(site, shelf, base):
    await site.follow("task1", base)
    before = shelf.documents["node", "22"]
    shelf.index(NAME, shelf.entry(NAME, "linux/amd64", "a2"))
    await on_push(site.world, base)
    shelf.documents["node", "22"] = before
    await on_push(site.world, base)
    site.clock.turn(60)
    await reconcile(site.world)
    assert await site.caused() == []
    assert (await base_rows.get(site.world, base)).settling is None


async def test_a_plain_image_is_decided_at_once_even_while_an_index_settles(site, shelf, base):
    await site.follow("task1", base)
    shelf.index(NAME, shelf.entry(NAME, "linux/amd64", "a2"))
    assert await on_push(site.world, base) == []
    shelf.manifest(NAME, "a3")
    assert len(await on_push(site.world, base)) == 1


async def test_an_index_pushed_without_end_is_decided_in_the_end(site, shelf, base):
    await site.follow("task1", base)
    pushes = 0
    while not await site.caused():
        pushes += 1
        shelf.index(NAME, shelf.entry(NAME, "linux/amd64"))
        await on_push(site.world, base)
        site.clock.turn(10)
        assert pushes <= settling.LONGEST * 2 + 1
    assert pushes == settling.LONGEST * 2 + 1
