"""Timer triggers, with their status in a real blob service."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from azure.storage.blob.aio import BlobServiceClient

from baselift.host.errors import FunctionError
from baselift.host.timers import Interval, is_monitored, schedule_of

from .support import client_of, seen, settings_for, until


async def three_ticks(app):
    found = [item for item in (await seen(app))["seen"] if "tick" in item]
    return found if len(found) >= 3 else None


async def test_a_timer_fires_again_but_never_overlaps_itself(storage):
    async with client_of(storage, EVERY="* * * * * *") as app:
        found = await until(lambda: three_ticks(app), 60)
        assert {item["tick"] for item in found} == {False}
        # A run takes 1.2 s; the schedule alone would be due every second.
        assert all(later["at"] - earlier["at"] >= 1.19 for earlier, later in pairwise(found))


async def test_a_missed_occurrence_runs_once_at_start_and_the_status_is_kept(storage):
    hostid = settings_for(storage)["AzureFunctionsWebHost__hostid"]
    async with BlobServiceClient.from_connection_string(storage) as service:
        name = f"timers/{hostid}/Host.Functions.yearly/status"
        blob = service.get_blob_client("azure-webjobs-hosts", name)

        async def status():
            return json.loads(await (await blob.download_blob()).readall())

        async def yearly(app):
            return [item for item in (await seen(app))["seen"] if "yearly" in item]

        this_year = datetime.now(UTC).year
        async with client_of(storage, AzureFunctionsWebHost__hostid=hostid) as app:
            await until(blob.exists)
            assert (await status())["Next"] == f"{this_year + 1}-01-01T00:00:00+00:00"
            assert await yearly(app) == []
        old = {
            "Last": f"{this_year - 3}-01-01T00:00:00+00:00",
            "Next": f"{this_year - 2}-01-01T00:00:00+00:00",
            "LastUpdated": f"{this_year - 3}-01-01T00:00:01+00:00",
        }
        await blob.upload_blob(json.dumps(old).encode(), overwrite=True)
        async with client_of(storage, AzureFunctionsWebHost__hostid=hostid) as app:
            found = await until(lambda: yearly(app))
            assert found == [{"yearly": True, "status": old}]
        assert (await status())["Last"] == f"{this_year - 2}-01-01T00:00:00+00:00"
        async with client_of(storage, AzureFunctionsWebHost__hostid=hostid) as app:
            await asyncio.sleep(0.5)
            assert await yearly(app) == []
        # A status written for another schedule starts over.
        await blob.upload_blob(json.dumps({**old, "Next": f"{this_year - 2}-05-05T00:00:00+00:00"}), overwrite=True)
        async with client_of(storage, AzureFunctionsWebHost__hostid=hostid) as app:
            await asyncio.sleep(0.5)
            assert await yearly(app) == []


def test_a_time_span_is_a_schedule_and_nonsense_is_not():
    assert schedule_of("00:05:00") == Interval(timedelta(minutes=5))
    with pytest.raises(FunctionError, match="hh:mm:ss"):
        schedule_of("00:00:00")


def test_a_schedule_of_less_than_a_minute_is_not_monitored():
    now = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)
    assert is_monitored(schedule_of("* * * * *"), now)
    assert not is_monitored(schedule_of("*/30 * * * * *"), now)
    assert not is_monitored(schedule_of("0,10 0 * * * *"), now)
