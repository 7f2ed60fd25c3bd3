"""Timers: one run per occurrence."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from app.site import REGISTRY, Site

from baselift.app.change_task import change_task, delete_task
from baselift.app.ports import Row
from baselift.app.timers import TIMERS, fire_due
from baselift.domain.runs import Status

NIGHTLY = {"name": "nightly", "schedule": "0 21 * * *", "status": "Enabled"}
DAY = 24 * 3600


async def timed(site: Site, *timers: dict[str, str], status: str = "Enabled") -> None:
    def change(old: dict[str, object] | None) -> dict[str, object]:
        document = site.document("taskhello", old, trigger=None, status=status)
        document["properties"]["trigger"] = {"timerTriggers": list(timers)}
        return document

    await change_task(site.world, REGISTRY, "taskhello", change)
    await site.drain()


async def test_every_night_one_run_without_any_change(site: Site):
    await timed(site, NIGHTLY)
    assert await fire_due(site.world) == []
    for _ in range(2):
        site.clock.turn(DAY)
        await asyncio.gather(*(fire_due(site.world) for _ in range(5)))
        await fire_due(site.world)
    await site.drain()
    runs = await site.runs()
    assert [(run.status, run.cause.kind) for run in runs] == [(Status.SUCCEEDED, "timer")] * 2
    occurrences = [run.cause.details["scheduleOccurrence"] for run in runs]
    assert len(set(occurrences)) == 2
    assert all(occurrence.endswith("T21:00:00Z") for occurrence in occurrences)


async def test_of_missed_occurrences_the_latest_is_caught_up_once(site: Site):
    await timed(site, NIGHTLY)
    site.clock.turn(5 * DAY)
    (run,) = await fire_due(site.world)
    assert await fire_due(site.world) == []
    assert run.cause.details["timerTriggerName"] == "nightly"
    occurrence = datetime.fromisoformat(run.cause.details["scheduleOccurrence"])
    assert timedelta() <= site.clock() - occurrence < timedelta(days=1)


async def test_a_timer_is_due_when_its_day_and_its_weekday_match(site: Site):
    tomorrow = site.clock() + timedelta(days=1)
    other = (tomorrow + timedelta(days=3)).strftime("%a")
    await timed(
        site,
        {"name": "both", "schedule": f"0 0 {tomorrow.day} * {tomorrow:%a}"},
        {"name": "day", "schedule": f"0 0 {tomorrow.day} * {other}"},
    )
    site.clock.turn(DAY)
    (run,) = await fire_due(site.world)
    assert run.cause.details["timerTriggerName"] == "both"
    assert run.cause.details["scheduleOccurrence"] == f"{tomorrow:%Y-%m-%d}T00:00:00Z"


async def test_a_timer_that_cannot_fire_keeps_no_other_from_firing(site: Site):
    await timed(site, NIGHTLY)
    await site.store.upsert(
        TIMERS, Row("", "broken", {"task": "x", "registry": REGISTRY, "schedule": "x", "since": "x"})
    )
    site.clock.turn(DAY)
    with pytest.raises(ExceptionGroup, match="timers failed"):
        await fire_due(site.world)
    assert [run.cause.kind for run in await site.runs()] == ["timer"]


async def test_a_task_without_a_step_has_nothing_to_run(site: Site):
    await timed(site, NIGHTLY)

    def change(old: dict[str, Any] | None) -> dict[str, Any]:
        document = dict(old or {})
        document["properties"] = {name: value for name, value in document["properties"].items() if name != "step"}
        return document

    await change_task(site.world, REGISTRY, "taskhello", change)
    site.clock.turn(DAY)
    assert await fire_due(site.world) == []


async def test_two_timers_of_the_same_minute_make_two_runs(site: Site):
    await timed(site, NIGHTLY, NIGHTLY | {"name": "again"})
    site.clock.turn(DAY)
    assert len(await fire_due(site.world)) == 2


async def test_a_disabled_timer_or_task_makes_none_and_catches_nothing_up(site: Site):
    await timed(site, NIGHTLY | {"status": "Disabled"})
    site.clock.turn(DAY)
    assert await fire_due(site.world) == []
    await timed(site, NIGHTLY)
    assert await fire_due(site.world) == []
    await timed(site, NIGHTLY, status="Disabled")
    site.clock.turn(DAY)
    assert await fire_due(site.world) == []
    await timed(site, NIGHTLY)
    assert await fire_due(site.world) == []


async def test_a_change_of_something_else_keeps_a_timers_place(site: Site):
    await timed(site, NIGHTLY)
    site.clock.turn(DAY)
    await timed(site, NIGHTLY)
    assert len(await fire_due(site.world)) == 1


async def test_a_deleted_task_leaves_no_timer(site: Site):
    await timed(site, NIGHTLY)
    await delete_task(site.world, REGISTRY, "taskhello")
    site.clock.turn(DAY)
    assert await fire_due(site.world) == []
    assert [row async for row in site.store.query(TIMERS)] == []
