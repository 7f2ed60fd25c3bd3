"""What benchmarks among many rows share: storage with the cost of the real service, and a world that fills it."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from parts.azurite import program
from parts.stack import Stack, Wanted, running

from baselift import settings, wiring
from baselift.app.ports import Row, Write
from baselift.app.world import World
from baselift.azure.storage import Storage
from benchmarks.site import NEVER

_FAST = Path(__file__).with_name("azurite-fast.js")
_BATCH, _AT_ONCE = 100, 16


@contextlib.contextmanager
def fast_storage(**more: str) -> Iterator[None]:
    """An Azurite that is started inside has the cost of the real service; `more` are variables for what is started."""
    before = dict(os.environ)
    root = next(each.parent for each in program().resolve().parents if each.name == "node_modules")
    os.environ |= {"NODE_OPTIONS": f"--require {_FAST}", "AZURITE_ROOT": str(root), **more}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def fast_parts() -> Iterator[Stack]:
    """All parts, with such a storage and without the reconciler; nothing is left of them."""
    directory = Path(tempfile.mkdtemp(prefix="baselift-bench-"))
    wanted = Wanted(directory / "state", port=0, registry_port=0)
    try:
        with fast_storage(BASELIFT_RECONCILE=NEVER), running(wanted) as stack:
            yield stack
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.asynccontextmanager
async def world_on(connection: str, **more: str) -> AsyncIterator[World]:
    """A world of this process on a storage, `more` are further settings; by default its registry is not there."""
    given = {
        "AzureWebJobsStorage": connection,
        "BASELIFT_LOGIN_SERVER": "localhost:1",
        "BASELIFT_SECRET_KEY": "A" * 43 + "=",
        "BASELIFT_WEBHOOK_SECRET": "unused",
        **more,
    }
    storage = Storage.connect(given)
    try:
        yield wiring.build(settings.load(given), storage)
    finally:
        await storage.close()


async def write_rows(world: World, table: str, rows: Sequence[Row]) -> None:
    """Write any number of rows of any partitions."""
    by_partition: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_partition[row.partition].append(row)
    batches = [
        [Write("upsert", row) for row in together[start : start + _BATCH]]
        for together in by_partition.values()
        for start in range(0, len(together), _BATCH)
    ]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(batch: Sequence[Write]) -> None:
        async with gate:
            await world.tables.batch(table, batch)

    await asyncio.gather(*map(one, batches))
