"""What is deleted when it was kept long enough, and what is not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from app.crashing import Process, until_death
from app.quick import Quick
from app.site import REGISTRY

from baselift.app import reasons, retention, run_rows
from baselift.app.archive_run import archive_run
from baselift.app.base_rows import StoredBase
from baselift.app.ports import Row
from baselift.app.request_run import KEYS, log_name
from baselift.app.retention import expire
from baselift.domain import images
from baselift.domain.runs import Run
from baselift.domain.staleness import Base

DAY = 24 * 3600
TABLES = (run_rows.RUNS, run_rows.BY_TASK, KEYS)


@pytest.fixture
def site(tmp_path: Path) -> Quick:
    made = Quick(tmp_path)
    made.sources.go.set()
    return made


async def over(site: Quick, count: int) -> list[Run]:
    runs = [await site.ask(task=f"task{number}") for number in range(count)]
    await site.drain()
    return runs


async def rows(site: Quick) -> dict[str, int]:
    return {table: len(await site.rows(table)) for table in TABLES}


async def test_runs_that_are_over_go_after_their_time_with_all_that_points_to_them(site):
    old = await over(site, 3)
    site.clock.turn(29 * DAY)
    await expire(site.world)
    assert await rows(site) == dict.fromkeys(TABLES, 3)
    young = await over(site, 2)
    site.clock.turn(2 * DAY)
    await expire(site.world)
    assert [run.id for run in await site.runs()] == [run.id for run in young]
    assert await rows(site) == dict.fromkeys(TABLES, 2)
    assert [await site.store.read_log(log_name(run)) for run in old] == [(b"", {})] * 3
    assert (await site.store.read_log(log_name(young[0])))[0]


async def test_archived_runs_stay_until_they_are_archived_no_more(site):
    kept, _ = await over(site, 2)
    await archive_run(site.world, REGISTRY, kept.id, archived=True)
    site.clock.turn(31 * DAY)
    await expire(site.world)
    assert [run.id for run in await site.runs()] == [kept.id]
    await archive_run(site.world, REGISTRY, kept.id, archived=False)
    site.clock.turn(2 * 3600)
    await expire(site.world)
    assert await site.runs() == []


async def test_a_run_that_is_not_over_stays_however_old_it_is(site):
    await site.ask()
    site.clock.turn(90 * DAY)
    await expire(site.world)
    assert len(await site.runs()) == 1


async def test_retention_can_be_turned_off(site):
    await over(site, 1)
    site.clock.turn(900 * DAY)
    await expire(replace(site.world, retention=timedelta()))
    assert len(await site.runs()) == 1


async def test_a_round_is_bounded_and_the_next_ones_come_to_the_end(site, monkeypatch):
    monkeypatch.setattr("baselift.app.keys.RUNS_TOGETHER", 2)
    monkeypatch.setattr(retention, "BLOCKS", 2)
    await over(site, 21)
    site.clock.turn(31 * DAY)
    left = []
    for _ in range(6):
        await expire(site.world)
        left.append(len(await site.runs()))
    assert left == [18, 14, 10, 6, 2, 0]
    # Nothing is read again before the pause is over, and then no partition that is known to be empty.
    await over(site, 1)
    counted = Process()
    await expire(counted.world(site.world))
    assert len(counted.calls) == 4
    site.clock.turn(31 * DAY)
    await expire(site.world)
    assert await site.runs() == []


@pytest.mark.parametrize("after", [False, True])
async def test_a_process_that_dies_leaves_nothing_behind_in_the_end(tmp_path: Path, after: bool):
    async def fresh(name: str) -> Quick:
        site = Quick(tmp_path / name)
        site.sources.go.set()
        await over(site, 3)
        site.clock.turn(31 * DAY)
        return site

    whole, site = Process(), await fresh("whole")
    assert await until_death(expire(whole.world(site.world)))
    for at in range(len(whole.calls)):
        process, site = Process(at, after), await fresh(f"{at}{after}")
        assert not await until_death(expire(process.world(site.world)))
        await expire(site.world)
        assert await rows(site) == dict.fromkeys(TABLES, 0)


async def test_reasons_go_by_when_they_were_last_given(site):
    image = images.parse("node:22")
    old = site.clock() - timedelta(days=40)
    stored = StoredBase(Base(image, "sha256:0", 2), old.isoformat(), fanning=False, etag="")
    then = replace(site.world, now=lambda: old)
    await reasons.noticed(then, stored, "same-digest", "old")
    await reasons.noticed(then, stored, "settling", "old, and given again")
    await reasons.noticed(site.world, stored, "settling", "given again")
    never = replace(stored, moved="")
    await reasons.noticed(then, never, "tag-absent", "old")
    await reasons.noticed(site.world, never, "unreachable", "now")
    await expire(site.world)
    assert sorted(reason.rule for reason in await reasons.of_image(site.world, image)) == ["settling", "unreachable"]


async def test_uploads_are_kept_for_a_day(site):
    site.store.upload("old.tar.gz", b"x")
    site.clock.turn(DAY - 60)
    site.store.upload("new.tar.gz", b"x")
    site.clock.turn(120)
    await expire(site.world)
    assert [name async for name, _ in site.store.uploads()] == ["new.tar.gz"]


async def test_rows_that_another_deletes_meanwhile_are_no_error(site):
    await site.store.insert("things", Row("p", "b", {}))
    await retention._delete_rows(site.world, "things", [Row("p", "a", {}), Row("p", "b", {})])
    assert await site.rows("things") == []
