"""Runs that come into being together."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from app.quick import Quick
from app.site import REGISTRY

from baselift.app import run_rows
from baselift.app.request_run import Ask, run_of
from baselift.domain.runs import Cause, Run


@pytest.fixture
def site(tmp_path: Path) -> Quick:
    return Quick(tmp_path)


def made(site: Quick, seq: int, secret: str = "") -> Run:
    return run_of(site.world, Ask(REGISTRY, Cause("request", str(seq)), {"x": secret}, "QuickRun"), seq, f"cx{seq}")


async def test_runs_of_one_partition_are_stored_together_and_returned_in_their_order(site):
    runs = [made(site, seq) for seq in (1001, 3, 999, 2, 1000, 1)]
    stored = await run_rows.add_all(site.world, runs)
    assert [each.run for each in stored] == runs
    assert [run.seq for run in await site.runs()] == [1, 2, 3, 999, 1000, 1001]
    kept = await run_rows.save(site.world, stored[0], replace(runs[0], error="x"))
    assert kept.run.error == "x"


async def test_a_run_that_is_there_is_returned_as_it_is_and_keeps_no_other_away(site):
    first, second, third = (made(site, seq) for seq in (1, 2, 3))
    await run_rows.add(site.world, replace(second, error="is there"))
    stored = await run_rows.add_all(site.world, [first, second, third])
    assert [each.run.error for each in stored] == [first.error, "is there", third.error]
    assert [run.seq for run in await site.runs()] == [1, 2, 3]


async def test_runs_that_fill_their_rows_are_within_a_batch(site):
    runs = [made(site, seq, "ü" * 31_000) for seq in range(run_rows.TOGETHER + 1)]
    await run_rows.add_all(site.world, runs)
    assert Counter(len(run.request["x"]) for run in await site.runs()) == {31_000: len(runs)}
