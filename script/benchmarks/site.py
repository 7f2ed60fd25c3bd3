"""The running parts that benchmarks share, and waiting until the app has nothing left to do."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from parts.errors import PartError
from parts.gitserver import GitServer
from parts.stack import Stack, Wanted, running
from parts.story import BUSYBOX, SAMPLE, write_sources

from baselift.app import keys, numbers, run_rows, task_rows
from baselift.app.ports import Tables
from baselift.azure.storage import Storage
from baselift.domain.runs import Status, sequence
from benchmarks.api import NAME, Api
from benchmarks.images import BareBuildah
from benchmarks.storage import BareStorage

TASK = "taskhelloworld"
BASE = "baseimages/node"
TAG = "9-alpine"
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.002
SHORTEST_PAUSE = 0.005
NEVER = "0 0 0 29 2 *"


@dataclass(frozen=True)
class Site:
    """Everything a benchmark works with."""

    directory: Path
    stack: Stack
    git: GitServer
    session: aiohttp.ClientSession
    api: Api
    tables: Tables
    bare: BareStorage
    buildah: BareBuildah

    @property
    def sample(self) -> Path:
        """A working copy of the sample, with the busybox its base image needs."""
        return self.directory / SAMPLE

    @property
    def context(self) -> str:
        """The sample's git address."""
        return self.git.address(SAMPLE)

    @property
    def host(self) -> str:
        """The registry's login server."""
        return self.stack.registry.host

    def push_base(self, context: Path, image: str) -> None:
        """Build a base image and push it."""
        self.buildah.build(str(context), str(context / "Dockerfile-base"), image)
        self.buildah.push(image)

    async def make_task(self, name: str, host: str) -> None:
        """Make a task on the base image of the registry, or of a path in it, and wait until it is watched."""
        await self.api.put_task(name, self.context, {"REGISTRY_NAME": host})
        await self.quiet()

    async def next_run(self) -> int:
        """The sequence number that the next run will have."""
        row = await self.tables.get(numbers.SEQS, NAME, "seq")
        return 1 if row is None else row.number("next")

    async def status(self, seq: int) -> Status | None:
        """The state of a run, None before its row can be read."""
        row = await self.tables.get(run_rows.RUNS, keys.run_partition(NAME, seq), keys.newest_first(seq))
        return None if row is None else Status(row.text("status"))

    async def until_readable(self, seq: int) -> None:
        """Return once the run's row can be read."""
        end = time.monotonic() + WAIT_SECONDS
        while await self.status(seq) is None:
            await self._pause(end, f"run number {seq} was not queued")

    async def until_final(self, run: str, seconds: float = WAIT_SECONDS) -> None:
        """Return once the run has succeeded, within these seconds: by a hundredth of its time too late, at most.

        Each look takes of the machine what the run could use, so they are no closer.

        Raises:
            PartError: it ended otherwise, or not at all.
        """
        seq, begun = sequence(run) or 0, time.monotonic()
        while (status := await self.status(seq)) is None or not status.final:
            pause = max(SHORTEST_PAUSE, (time.monotonic() - begun) / 100)
            await self._pause(begun + seconds, f"run {run} did not end", seconds, pause)
        if status is not Status.SUCCEEDED:
            told = (await self.api.call("GET", f"runs/{run}"))["properties"].get("runErrorMessage")
            raise PartError(f"run {run} ended {status}; what a benchmark runs must succeed: {told}")

    async def quiet(self) -> None:
        """Return once no run and no scan is left to do."""
        end = time.monotonic() + WAIT_SECONDS
        while await self._any(run_rows.ACTIVE) or await self._any(task_rows.PENDING):
            await self._pause(end, "the app did not come to rest")

    async def _any(self, table: str) -> bool:
        async for _ in self.tables.query(table):
            return True
        return False

    async def _pause(
        self, end: float, otherwise: str, seconds: float = WAIT_SECONDS, pause: float = POLL_SECONDS
    ) -> None:
        self.stack.check()
        if time.monotonic() > end:
            raise PartError(f"{otherwise} within {seconds:.0f} s; the app's log: {self.stack.app.child.log}")
        await asyncio.sleep(pause)


@contextlib.asynccontextmanager
async def site(directory: Path) -> AsyncIterator[Site]:
    """All parts under a directory, the sample's base image in the registry, and one task on it."""
    write_sources(directory, directory / "git")
    # Events alone are measured: the reconciler would find a movement too, and a message that is late.
    os.environ["BASELIFT_RECONCILE"] = NEVER
    wanted = Wanted(directory / "state", port=0, registry_port=0, git_root=directory / "git")
    async with contextlib.AsyncExitStack() as opened:
        stack = opened.enter_context(running(wanted))
        if stack.git is None:
            raise AssertionError
        session = await opened.enter_async_context(aiohttp.ClientSession())
        connection = stack.azurite.connection_string
        bare = await opened.enter_async_context(BareStorage(connection))
        storage = Storage.connect({"AzureWebJobsStorage": connection})
        opened.push_async_callback(storage.close)
        buildah = BareBuildah(directory / "buildah", driver())
        opened.callback(buildah.empty)
        api = Api(session, stack.app.url)
        made = Site(directory, stack, stack.git, session, api, storage.tables, bare, buildah)
        made.push_base(made.sample, f"{made.host}/{BASE}:{TAG}")
        await made.make_task(TASK, made.host)
        yield made


def driver() -> str:
    """The storage driver: buildah's own choice, which its engine here tries first too."""
    return os.environ.get("STORAGE_DRIVER", "overlay")


def with_busybox(directory: Path) -> Path:
    """The directory, made, with a shell for an image."""
    directory.mkdir()
    shutil.copy(BUSYBOX, directory / "busybox")
    return directory
