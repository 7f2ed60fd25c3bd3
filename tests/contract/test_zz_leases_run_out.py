"""A lease that ran out. It is taken as the session's first act, for it takes 15 real seconds."""

import asyncio
import time

import pytest

from baselift.app.ports import Conflict


async def test_a_lease_that_ran_out_writes_no_more_but_can_be_renewed(storage, short_lease):
    log, lease, taken = short_lease
    await asyncio.sleep(max(0, taken + 16 - time.monotonic()))
    with pytest.raises(Conflict):
        await storage.blobs.append(log, b"late", lease)
    await storage.blobs.renew(log, lease)
    await storage.blobs.append(log, b"in time", lease)
    assert (await storage.blobs.read_log(log))[0] == b"in time"
