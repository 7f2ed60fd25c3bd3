"""What several tests of the host need."""

import asyncio
import time
import uuid
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from azure.storage.queue.aio import QueueServiceClient

from baselift.host.server import DEFAULTS, running

CONFORMANCE = Path(__file__).parent / "apps/conformance"


def settings_for(storage, **more):
    name = uuid.uuid4().hex[:12]
    return {
        "AzureWebJobsStorage": storage,
        "JOBS": f"jobs-{name}",
        "EVERY": "0 0 0 1 1 *",
        "AzureFunctionsWebHost__hostid": name,
        "AzureWebJobs.asleep.Disabled": "true",
        **more,
    }


@asynccontextmanager
async def client_of(storage, grace=10, app=CONFORMANCE, options=DEFAULTS, **more):
    """A session whose base is a running host; `session.host` and `session.settings` tell of it."""
    settings = settings_for(storage, **more)
    async with (
        running(app, settings, grace=grace, options=options) as host,
        aiohttp.ClientSession(host.url) as session,
    ):
        session.__dict__.update(host=host, settings=settings)
        yield session


async def seen(session):
    async with session.get("/seen") as response:
        return await response.json(content_type=None)


async def until(check, seconds=20):
    """Wait for `check` to give something true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = await check()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {check}")


@asynccontextmanager
async def queue_of(storage, name):
    async with QueueServiceClient.from_connection_string(storage) as service:
        yield service.get_queue_client(name)


@asynccontextmanager
async def queues_of(storage, *names):
    async with QueueServiceClient.from_connection_string(storage) as service:
        yield [service.get_queue_client(name) for name in names]
