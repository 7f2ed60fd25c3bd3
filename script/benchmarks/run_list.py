"""A list of runs among few and among many others."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import aiohttp
from aiohttp import web
from parts.errors import PartError
from parts.ports import LOOPBACK
from parts.stack import Stack
from yarl import URL

from baselift.app import keys, run_rows
from baselift.app.list_runs import list_runs
from baselift.app.world import World
from baselift.domain.runs import Run, run_id
from benchmarks.api import NAME, Api
from benchmarks.measure import Sample, alternate, timed
from benchmarks.plenty import fast_parts, world_on
from benchmarks.report import Aim, Figure
from benchmarks.site import WAIT_SECONDS
from benchmarks.storage import BareStorage

MANY = {"benchfew": 1_000, "benchmany": 10_000}
"""Registry: its runs. Measured in turn, so that both meet the same load."""
TOP = 100
TIMES = 30
AIM = Aim(ratio=3)
WRITERS = 16
FAILING = {
    "type": "DockerBuildRequest",
    "sourceLocation": "tasks-source/absent.tar.gz",
    "dockerFilePath": "Dockerfile",
    "isPushEnabled": False,
}


@dataclass
class Counter:
    """Stands before the table service, and counts what a use case asks of it."""

    service: str
    requests: int = 0
    rows: int = 0
    _session: aiohttp.ClientSession = field(init=False)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The address of this counter."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, LOOPBACK, 0).start()
            async with aiohttp.ClientSession() as self._session:
                yield f"http://{LOOPBACK}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _pass(self, request: web.Request) -> web.Response:
        url, body = URL(f"{self.service}{request.raw_path}", encoded=True), await request.read()
        async with self._session.request(request.method, url, headers=request.headers, data=body or None) as answer:
            content = await answer.read()
        found = json.loads(content) if content else {}
        self.requests += 1
        self.rows += len(found["value"]) if "value" in found else 1
        kept = {name: value for name, value in answer.headers.items() if name.lower().startswith("x-ms-")}
        return web.Response(body=content, status=answer.status, headers=kept, content_type="application/json")


async def run_list() -> list[Figure]:
    """GET of the newest 100 runs among 1,000 and among 10,000.

    Storage is Azurite with the cost of the real service: by itself it takes longer the more rows a table has.
    """
    with fast_parts() as stack:
        return await _measured(stack)


async def _measured(stack: Stack) -> list[Figure]:
    connection = stack.azurite.connection_string
    async with aiohttp.ClientSession() as session, BareStorage(connection) as bare, world_on(connection) as world:
        run, asked, subjects = await _one(Api(session, stack.app.url), world), [], []
        for name, many in MANY.items():
            api = Api(session, stack.app.url, name)
            await api.call("PUT", "", {"location": "local", "properties": {"loginServer": f"{name}.localhost:1"}})
            await _fill(world, replace(run, registry=name), many)
            asked.append(await _counted(connection, name))
            subjects += [_listing(api), _bare(bare, name)]
        taken = await alternate(TIMES, *subjects)
    return [
        Figure(f"GET runs, top {TOP} of {many:,}", taken[2 * place], taken[2 * place + 1], _floor(asked[place]), AIM)
        for place, many in enumerate(MANY.values())
    ]


def _listing(api: Api) -> Sample:
    return lambda _: timed(lambda: api.call("GET", "runs", **{"$top": str(TOP)}))


def _bare(bare: BareStorage, registry: str) -> Sample:
    low, high = keys.of_registry(registry)
    span = f"PartitionKey ge '{low}' and PartitionKey lt '{high}'"
    return lambda _: timed(lambda: bare.rows("runs", span, TOP))


def _floor(asked: str) -> str:
    return f"one query of {TOP} rows; the list itself sends {asked}"


async def _one(api: Api, world: World) -> Run:
    """A run that has ended: its source is not there."""
    identifier = (await api.call("POST", "scheduleRun", FAILING))["properties"]["runId"]
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            stored = await run_rows.get(world, NAME, identifier)
            if stored is not None and stored.run.status.final:
                return stored.run
            await asyncio.sleep(0.1)


async def _fill(world: World, run: Run, many: int) -> None:
    """Store so many copies of the run."""
    left = iter(range(1, many + 1))

    async def write() -> None:
        for number in left:
            await run_rows.add(world, replace(run, seq=number, id=run_id(run.id[:2], number)))

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(write())


async def _counted(connection: str, registry: str) -> str:
    """What the list asks of storage, as its wire shows."""
    [endpoint] = [part for part in connection.split(";") if part.startswith("TableEndpoint=")]
    service, _, account = endpoint.partition("=")[2].rpartition("/")
    counter = Counter(service)
    async with counter.serving() as address:
        there = connection.replace(endpoint, f"TableEndpoint={address}/{account}")
        async with world_on(there) as world:
            page = await list_runs(world, registry, lambda _: True, task=None, size=TOP)
    if len(page.runs) != TOP:
        raise PartError(f"the list has {len(page.runs)} runs; what is measured must have {TOP}")
    return f"{counter.requests} request for {counter.rows} rows"
