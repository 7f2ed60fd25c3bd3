"""A Baselift on the in-memory store whose runs build nothing: their source is empty, so each fails at once."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.site import HOSTS, REGISTRY, Clock

from baselift import wiring
from baselift.app import gates, run_rows
from baselift.app.change_pool import change_pool, count_waiting
from baselift.app.execute_run import execute_run
from baselift.app.reconcile import reconcile
from baselift.app.registrations import Registration, Registrations
from baselift.app.request_run import Ask, request_run
from baselift.app.world import BUILDS, World
from baselift.domain.builds import Source
from baselift.domain.runs import Cause, Run
from baselift.memory.store import MemoryStore
from baselift.source.fetch import Sources


@dataclass
class Held:
    """Sources that are not given before `go`: the runs that ask for one are going on until then."""

    real: Sources
    go: asyncio.Event = field(default_factory=asyncio.Event)
    inside: int = 0
    most: int = 0

    async def fetch(self, context: str | None, token: str | None, into: Path, *_: object) -> Source:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.go.wait()
            return await self.real.fetch(context, token, into)
        finally:
            self.inside -= 1

    async def until(self, inside: int) -> None:
        """Wait until so many runs go on."""
        async with asyncio.timeout(20):
            while self.inside != inside:
                await asyncio.sleep(0.01)


class Quick:
    """One such Baselift and what a test does with it."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        settings = wiring.load(
            {
                "AzureWebJobsStorage": "UseDevelopmentStorage=true",
                "BASELIFT_LOGIN_SERVER": "localhost:1",
                "BASELIFT_SECRET_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
                "BASELIFT_WEBHOOK_SECRET": "secret",
                "BASELIFT_POLL_SECONDS": "0",
                "BASELIFT_STATE": str(directory),
            }
        )

        async def download(name: str, into: Path) -> None:
            await self.store.download(name, into, 1 << 20)

        self.sources = Held(Sources(download=download, plain_http_hosts=HOSTS))
        world = wiring.build(settings)
        registered = [Registration(REGISTRY, "local", "localhost:1")]
        self.world = replace(
            world,
            registrations=Registrations(self.store, registered, world.unseal, self.clock),
            tables=self.store,
            queues=self.store,
            blobs=self.store,
            sources=self.sources,
            now=self.clock,
            lease=timedelta(seconds=30),
            poll=0.1,
        )

    async def ask(self, pool: str | None = None, task: str | None = None) -> Run:
        """Ask for a run."""
        cause = Cause("request", secrets.token_hex(4), self.clock().isoformat())
        request = {"type": "DockerBuildRequest", "dockerFilePath": "Dockerfile", "agentPoolName": pool}
        return await request_run(self.world, Ask(REGISTRY, cause, request, "QuickBuild", task))

    async def pool(self, count: int, name: str = "pool1") -> None:
        """Create the pool, or change its count."""
        await change_pool(self.world, REGISTRY, name, lambda _: {"name": name, "properties": {"count": count}})

    async def until_waiting(self, count: int, name: str = "pool1") -> None:
        """Wait until so many runs wait for the pool."""
        async with asyncio.timeout(20):
            while await count_waiting(self.world, REGISTRY, name) != count:
                await asyncio.sleep(0.01)

    async def drain(self, world: World | None = None, builders: int = 1) -> None:
        """Handle queue messages until there is none, with so many builders side by side."""

        async def builder() -> None:
            while texts := self.store.receive(BUILDS, 1):
                await execute_run(world or self.world, *texts[0].split())

        async with asyncio.TaskGroup() as group:
            for _ in range(builders):
                group.create_task(builder())

    @asynccontextmanager
    async def draining(self, builders: int = 8) -> AsyncIterator[None]:
        """Let builders work meanwhile; at the end give the sources and wait for the builders."""
        working = asyncio.create_task(self.drain(builders=builders))
        try:
            yield
        finally:
            self.sources.go.set()
            await working
            await self.drain(builders=builders)

    async def settle(self) -> None:
        """Reconcile and drain until nothing is left to do: what the passing of time does."""
        self.sources.go.set()
        for _ in range(12):
            with suppress(ExceptionGroup):
                await reconcile(self.world)
            await self.drain()
            if not await self.rows(run_rows.ACTIVE) and not await self.rows("pendingtaskruns"):
                return
            self.clock.turn(self.world.lease.total_seconds() + 1)
        raise AssertionError("runs do not end")

    async def runs(self) -> list[Run]:
        """All runs, oldest first."""
        return [run async for run in run_rows.newest(self.world, REGISTRY)][::-1]

    async def rows(self, table: str) -> list[Any]:
        return [row async for row in self.store.query(table)]

    async def over(self) -> list[str]:
        """Why each run failed, oldest first; nobody may be at a gate any more."""
        runs = await self.runs()
        assert [run.status for run in runs if not run.status.final] == []
        assert await self.rows(gates.GATES) == []
        assert await self.rows(run_rows.ACTIVE) == []
        return [run.error or "" for run in runs]
