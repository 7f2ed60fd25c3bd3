"""The reconciler against registries: what it asks, how often, and when it leaves one alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from app.shelf import Shelf, Shelved, shelved
from app.site import REGISTRY

from baselift.app import base_rows, budgets, look_around, sightings, task_rows
from baselift.app.on_push import on_push
from baselift.app.reconcile import reconcile
from baselift.domain.builds import Failure
from baselift.domain.staleness import Dependent

HOUR = 3600.0


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Shelved, list[Shelf]]]:
    async with shelved(tmp_path, 2) as made:
        yield made


@pytest.fixture
def site(both: tuple[Shelved, list[Shelf]]) -> Shelved:
    return both[0]


@pytest.fixture
def shelf(site: Shelved) -> Shelf:
    return site.shelf


@pytest.fixture
def other(both: tuple[Shelved, list[Shelf]]) -> Shelf:
    return both[1][1]


async def followed(site: Shelved, shelf: Shelf, count: int, task: str = "task1") -> None:
    images = [shelf.image(f"base{number}:1") for number in range(count)]
    for image in images:
        shelf.manifest(f"{image.repository}:1")
    await site.follow(task, *images)
    shelf.asked.clear()


async def test_each_base_is_asked_for_by_one_head_in_its_period(site, shelf):
    await followed(site, shelf, 3)
    site.world = replace(site.world, periods={"": 600.0})
    await reconcile(site.world)
    assert sorted(shelf.asked) == [f"HEAD base{number}:1" for number in range(3)]
    site.clock.turn(500)
    await reconcile(site.world)
    assert len(shelf.asked) == 3
    site.clock.turn(100)
    await reconcile(site.world)
    assert len(shelf.asked) == 6


async def test_a_registry_has_a_period_of_its_own_by_host_and_port_or_host(site):
    world = replace(site.world, periods={"": 600.0, "docker.io": HOUR, "localhost": 0.0, "localhost:5001": 60.0})
    hosts = ("docker.io", "localhost:5000", "localhost:5001", "ghcr.io")
    assert [look_around.period(world, host) for host in hosts] == [HOUR, 0.0, 60.0, 600.0]


async def test_the_base_that_was_not_looked_at_for_longest_comes_first_and_the_round_ends(site, shelf):
    await followed(site, shelf, 40)
    site.world = replace(site.world, round=timedelta())
    await reconcile(site.world)
    assert shelf.asked == []
    site.world = replace(site.world, round=timedelta(seconds=60))
    images = [shelf.image(f"base{number}:1") for number in range(40)]
    for image in images[:30]:
        await on_push(site.world, image)
    shelf.asked.clear()
    await reconcile(site.world)
    assert set(shelf.heads()[:10]) == {f"base{number}:1" for number in range(30, 40)}


async def test_retry_after_is_kept_to_by_all_instances_and_other_registries_are_looked_at(site, shelf, other):
    await followed(site, shelf, 20)
    await followed(site, other, 2, "task2")
    shelf.instead = (429, {"Retry-After": "120"})
    await reconcile(site.world)
    assert 1 <= len(shelf.asked) <= look_around.AT_ONCE
    assert len(other.asked) == 2
    pause = await budgets.of(site.world, shelf.host)
    assert timedelta(seconds=119) < pause.until - site.clock() < timedelta(seconds=133)
    assert pause.failures == 1
    assert "429 Too Many Requests" in pause.text
    shelf.asked.clear()
    site.clock.turn(100)
    await asyncio.gather(reconcile(site.world), reconcile(site.world))
    assert shelf.asked == []
    shelf.instead = None
    site.clock.turn(33)
    await reconcile(site.world)
    assert len(shelf.heads()) == 20
    assert await budgets.of(site.world, shelf.host) is None


async def test_a_registry_that_stays_away_is_asked_once_and_less_and_less_often(site, shelf):
    await followed(site, shelf, 20)
    shelf.instead = (503, {})
    await reconcile(site.world)
    shelf.asked.clear()
    pauses = []
    for _ in range(12):
        pause = await budgets.of(site.world, shelf.host)
        pauses.append((pause.until - site.clock()).total_seconds())
        site.clock.turn(pauses[-1] + 1)
        await reconcile(site.world)
    assert len(shelf.asked) == 12
    assert pauses[3] > pauses[0] * 2
    assert max(pauses) <= budgets.LONGEST
    assert pauses[-1] >= budgets.LONGEST / 2 - 1


async def test_what_is_refused_for_one_image_holds_up_no_other(site, shelf):
    await followed(site, shelf, 20)
    shelf.refused = {"base1"}
    await reconcile(site.world)
    assert sorted(shelf.heads()) == sorted(f"base{number}:1" for number in range(20))
    assert await budgets.of(site.world, shelf.host) is None
    _, checked = await sightings.of(site.world, shelf.image("base1:1"))
    assert "refused the pull of base1:1" in checked.problem


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "10;w=21600"}, 2160, 2377),
        ({"RateLimit-Limit": "100", "RateLimit-Remaining": "3", "RateLimit-Reset": "50"}, 50, 56),
        ({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0"}, 60, 67),
    ],
)
async def test_what_is_left_of_a_rate_limit_is_left_to_builds(site, shelf, headers, least, most):
    await followed(site, shelf, 40)
    shelf.headers = headers
    await reconcile(site.world)
    assert 1 <= len(shelf.heads()) <= look_around.AT_ONCE
    pause = await budgets.of(site.world, shelf.host)
    assert least - 1 <= (pause.until - site.clock()).total_seconds() <= most
    assert pause.failures == 0
    assert "rate limit" in pause.text


async def test_a_rate_limit_with_enough_left_stops_nothing(site, shelf):
    await followed(site, shelf, 10)
    shelf.headers = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600"}
    await reconcile(site.world)
    assert len(shelf.heads()) == 10
    assert await budgets.of(site.world, shelf.host) is None


async def test_an_event_is_followed_while_the_reconciler_leaves_the_registry_alone(site, shelf):
    await followed(site, shelf, 1)
    await budgets.spent(site.world, shelf.host, HOUR)
    shelf.manifest("base0:1")
    await reconcile(site.world)
    assert await site.caused() == []
    assert len(await on_push(site.world, shelf.image("base0:1"))) == 1


async def test_a_registry_that_does_not_answer_an_event_is_left_alone_and_looked_at_later(site, shelf):
    await followed(site, shelf, 1)
    shelf.manifest("base0:1")
    shelf.instead = (502, {})
    with pytest.raises(Failure):
        await on_push(site.world, shelf.image("base0:1"))
    assert (await budgets.of(site.world, shelf.host)).failures == 1
    shelf.instead = None
    site.clock.turn(budgets.FIRST)
    await reconcile(site.world)
    assert len(await site.caused()) == 1


async def test_a_recorded_movement_is_carried_out_although_its_registry_is_away(site, shelf):
    await followed(site, shelf, 1)
    stored = await base_rows.get(site.world, shelf.image("base0:1"))
    moved = base_rows.moved(stored, shelf.manifest("base0:1"), site.clock(), {})
    await base_rows.save(site.world, moved)
    shelf.instead = (503, {})
    await reconcile(site.world)
    assert len(await site.caused()) == 1


async def test_the_login_of_one_task_among_many_opens_its_base(site, shelf):
    await followed(site, shelf, 1)
    image, world = shelf.image("base0:1"), site.world
    pattern = await task_rows.get(world, REGISTRY, "task1")
    login = {"userName": {"type": "Opaque", "value": "robot"}, "password": {"type": "Opaque", "value": "word"}}
    logins = {"credentials": {"customRegistries": {shelf.host: login}}}
    document = {**pattern.document, "properties": {**pattern.document["properties"], **logins}}
    await task_rows.insert(world, replace(pattern, name="opens", document=world.seal(document), etag=""))
    await site.stand("opens", image)
    for number in range(200):
        await base_rows.add_dependent(world, image, replace(await edge(site, shelf), task=f"closed{number}"))
    assert (await base_rows.get(world, image)).opener == f"{REGISTRY}|opens"
    shelf.wanted = "Basic cm9ib3Q6d29yZA=="
    shelf.manifest("base0:1")
    await reconcile(world)
    assert "opens" in {run.task for run in await site.caused()}


async def edge(site: Shelved, shelf: Shelf) -> Dependent:
    found = await base_rows.dependent(site.world, shelf.image("base0:1"), REGISTRY, "task1")
    assert found is not None
    return found.edge
