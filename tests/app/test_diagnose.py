"""What the diagnosis says of parts that are not well; rounds and events by the clock."""

import asyncio
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from app.quick import Quick

from baselift.app import base_rows, signs
from baselift.app.diagnose import Diagnosis
from baselift.app.registrations import Registrations
from baselift.app.signs import Signs
from baselift.domain import images

TEN_SECONDS = "*/10 * * * * *"


@dataclass
class Tried:
    """What a try of an engine says, and how often it was made."""

    ok: bool = True
    engine: str = "buildah"
    version: str = "1"
    reason: str = ""
    times: int = 0

    async def __call__(self):
        self.times += 1
        return self


@pytest.fixture
async def quick(tmp_path):
    site = Quick(tmp_path)
    # No registry: one that does not answer takes a second, and is asked by the command's tests.
    site.world = replace(site.world, registrations=Registrations(site.store, [], site.world.unseal, site.clock))
    return site


@pytest.fixture
def known(quick):
    return Signs(quick.world)


def diagnosis(quick, known, *, world=None, attempt=None, schedule=TEN_SECONDS):
    return Diagnosis(world or quick.world, known, schedule, quick.clock(), attempt or Tried())


async def checked(diagnosis, name):
    found = {check.name: check for check in await diagnosis.checks()}
    return found[name]


async def test_rounds_are_late_when_three_are_missed(quick, known):
    looked = diagnosis(quick, known)
    quick.clock.turn(25)
    assert (await looked.rounds()).status == "OK"
    quick.clock.turn(10)
    assert (await looked.rounds()).status == "FAIL"
    await known.round_finished()
    assert (await looked.rounds()).status == "OK"
    quick.clock.turn(29)
    assert (await looked.rounds()).status == "OK"
    quick.clock.turn(12)
    found = await looked.rounds()
    assert found.status == "FAIL"
    assert re.fullmatch("the last round ended 4. s ago", found.detail)


async def test_a_process_that_starts_after_a_long_rest_is_given_time(quick, known):
    await known.round_finished()
    quick.clock.turn(86_400)
    assert (await diagnosis(quick, known).rounds()).status == "OK"


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("* * * * * *", 30),
        ("*/10 * * * * *", 30),
        ("0,30 * * * * *", 80),
        ("* * * * *", 170),
        ("0 */5 * * * *", 890),
        ("nonsense", None),
        ("", None),
    ],
)
def test_when_a_round_is_due_follows_the_schedule(schedule, seconds):
    start = datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC)
    found = signs.due(schedule, start)
    assert (found and (found - start).total_seconds()) == seconds


async def test_events_of_a_minute_are_written_once(quick, known):
    await known.event_came("distribution")
    [before] = await quick.rows(signs.TABLE)
    quick.clock.turn(59)
    await known.event_came("distribution")
    [same] = await quick.rows(signs.TABLE)
    assert same.etag == before.etag
    await known.event_came("harbor")
    quick.clock.turn(1)
    await known.event_came("distribution")
    found = await known.last_events()
    assert timedelta(seconds=1) <= found["distribution"] - found["harbor"] < timedelta(seconds=30)


async def test_an_event_that_cannot_be_written_down_is_no_failure_and_is_written_next_time(quick, known):
    class Broken:
        async def upsert(self, table, row):
            raise OSError(table)

    broken = Signs(replace(quick.world, tables=Broken()))
    await broken.event_came("distribution")
    broken._tables = quick.store
    await broken.event_came("distribution")
    assert list(await known.last_events()) == ["distribution"]


async def test_a_movement_that_no_event_told_of_is_a_warning(quick, known):
    looked = diagnosis(quick, known)
    assert (await checked(looked, "events")).status == "WARN"
    await known.event_came("distribution")
    assert (await checked(looked, "events")).status == "OK"
    stored = await base_rows.watch(quick.world, images.parse("localhost:1/base:1"), "sha256:" + "0" * 64)
    quick.clock.turn(60)
    stored = await base_rows.save(quick.world, replace(stored, moved=quick.clock().isoformat()))
    assert (await checked(looked, "events")).status == "OK"
    quick.clock.turn(61)
    await base_rows.save(quick.world, replace(stored, moved=quick.clock().isoformat()))
    quick.clock.turn(5)
    found = await checked(looked, "events")
    assert (found.status, found.detail) == ("WARN", "distribution 2 min ago")
    assert re.match("a base image moved [5-9] s ago and no event told of it", found.advice)


async def test_messages_that_were_given_up_are_a_warning(quick, known):
    looked = diagnosis(quick, known)
    await quick.store.send("builds", "r da1")
    await quick.store.send("builds-poison", "r da2")
    found = await checked(looked, "queue builds")
    assert (found.status, found.detail) == ("WARN", "1 waiting, 1 given up")
    assert (await checked(looked, "queue scans")).status == "OK"


async def test_an_engine_that_cannot_build_fails_and_is_not_tried_at_every_call(quick, known):
    attempt = Tried(ok=False, reason="buildah not found; install buildah")
    looked = diagnosis(quick, known, attempt=attempt)
    found = await checked(looked, "engine")
    assert (found.status, found.detail) == ("FAIL", "buildah not found; install buildah")
    await asyncio.gather(looked.checks(), looked.checks())
    assert attempt.times == 1
    quick.clock.turn(60)
    attempt.ok = True
    assert (await checked(looked, "engine")).status == "OK"


async def test_storage_that_does_not_answer_fails_alone_and_says_no_secret(quick, known):
    class Broken:
        def __getattr__(self, name):
            raise OSError("AccountKey=s3cret")

    looked = diagnosis(quick, known, world=replace(quick.world, blobs=Broken()))
    found = {check.name: check for check in await looked.checks()}
    assert (found["storage"].status, found["storage"].detail) == ("FAIL", "it cannot be looked at (OSError)")
    assert found["reconcile"].status == "OK"
    assert "s3cret" not in str(found)
