"""Movements of base images with few and many dependents, among few and many other tasks; and the reconciler's round.

Storage is Azurite with the cost of the real service (`azurite-fast.js`); use cases run in this process, without the
host, and the registry is a few lines of ours, so that what is measured is what Baselift and its storage take.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from aiohttp import web
from parts.azurite import Azurite
from parts.ports import LOOPBACK

from baselift.app import base_rows, keys, task_rows
from baselift.app.hearing import hear
from baselift.app.look_around import repair_bases
from baselift.app.on_push import on_push
from baselift.app.ports import Row
from baselift.app.task_rows import Edges, StoredTask
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, ImageDescriptor
from baselift.domain.staleness import Dependent
from baselift.registry.client import Registries
from benchmarks.api import NAME
from benchmarks.counting import Count, counted
from benchmarks.measure import timed
from benchmarks.plenty import fast_storage, world_on, write_rows
from benchmarks.report import Aim, Figure

OTHERS = tuple(int(word) for word in os.environ.get("BASELIFT_BENCH_OTHERS", "1000,100000").split(","))
"""Tasks that depend on another base."""
DEPENDENTS = tuple(int(word) for word in os.environ.get("BASELIFT_BENCH_DEPENDENTS", "1,100").split(","))
TIMES = {1: 20, 100: 3}
"""Movements measured by number of dependents; of more dependents one."""
BASES = 100
SENDERS = 50
BATCH, AT_ONCE = 100, 16
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
FLOOR = (
    "the base read and written, its edges read; for each dependent its task and what it waits for read; for each run 4 "
    "rows, a log and a message written, for each other dependent one row; 16 side by side"
)
ANSWER = Aim(slowest=1000)
AIM = {1: Aim(p95=250), 100: Aim(ratio=1.5), 10000: Aim(ratio=1.5)}


@dataclass
class Registry:
    """Every tag of every repository is there; `version` says at which digest."""

    host: str = ""
    versions: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def digest(self, repository: str) -> str:
        return "sha256:" + hashlib.sha256(f"{repository} {self.versions[repository]}".encode()).hexdigest()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        digest = self.digest(request.path.split("/")[2])
        return web.Response(headers={"Docker-Content-Digest": digest}, content_type=MANIFEST)


async def movements() -> list[Figure]:
    """Push to queued by dependents and other tasks, and the round of the reconciler."""
    directory = Path(tempfile.mkdtemp(prefix="baselift-bench-"))
    try:
        async with _parts(directory) as (world, registry):
            figures: list[Figure] = []
            made = 0
            for others in OTHERS:
                await _fill(world, _reference(registry, "others"), range(made, others))
                made = others
                figures += [await _movement(world, registry, each, others) for each in DEPENDENTS]
            return [*figures, await _senders(world, registry), await _round(world, registry)]
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


async def _movement(world: World, registry: Registry, dependents: int, others: int) -> Figure:
    """Each sample on a base of its own: a wave that is larger than what runs at once leaves tasks waiting."""
    samples, floor, queued, counts = [], [], min(dependents, world.waves.concurrency), list[Count]()
    for number in range(TIMES.get(dependents, 1)):
        name = f"base{dependents}among{others}x{number}"
        image = _reference(registry, name)
        await _fill(world, image, range(dependents))
        registry.versions[name] += 1
        counting, count = counted(world)
        # Who is told of waves is read every few seconds, whatever moves.
        await world.targets.any(world.tables, world.now())
        begun = time.perf_counter()
        runs = await on_push(counting, image)
        samples.append((time.perf_counter() - begun) * 1000)
        counts.append(count)
        if len(runs) != queued:
            raise AssertionError(f"{len(runs)} runs of {dependents} dependents")
        floor.append(await timed(partial(_floor, world, image, dependents, queued)))
    title = f"push → {queued} of {dependents:,} queued, {others:,} other tasks ({counts[-1]})"
    return Figure(title, samples, floor, FLOOR, AIM.get(dependents, Aim()))


async def _floor(world: World, image: Reference, dependents: int, queued: int) -> None:
    gate, name = asyncio.Semaphore(AT_ONCE), image.repository

    async def read(number: int) -> None:
        async with gate:
            for what in ("task", "follower"):
                await world.tables.get("floor", name, f"{what}{number}")

    async def write(what: str, number: int) -> None:
        await world.tables.insert("floor", Row(f"{name}{number % 64}", f"{what}{number}", {"doc": "x" * 500}))

    async def queue(number: int) -> None:
        async with gate:
            if number >= queued:
                await write("follower", number)
                return
            for what in ("edge", "active", "run", "pointer"):
                await write(what, number)
            await world.blobs.create_log(f"floor/{name}{number}")
            await world.queues.send("floor", name)

    await base_rows.get(world, image)
    await world.tables.upsert("floor", Row(name, "base", {"doc": "x" * 500}))
    await base_rows.all_dependents(world, image)
    await asyncio.gather(*map(read, range(dependents)))
    await asyncio.gather(*map(queue, range(dependents)))


async def _senders(world: World, registry: Registry) -> Figure:
    """Senders of as many bases that moved, one dependent each, all at once: how long each waits for its answer."""
    images = [_reference(registry, f"told{number}") for number in range(SENDERS)]
    for image in images:
        await _fill(world, image, range(1))
        registry.versions[image.repository] += 1
    samples = [*await asyncio.gather(*(timed(partial(hear, world, image)) for image in images))]
    floor = [*await asyncio.gather(*(timed(partial(world.queues.send, "floor", str(image))) for image in images))]
    return Figure(f"{SENDERS} bases told of at once: answer", samples, floor, "a message sent for each", ANSWER)


async def _round(world: World, registry: Registry) -> Figure:
    """One round over bases that have not moved; the time of one base."""
    images = [_reference(registry, f"still{number}") for number in range(BASES)]
    for image in images:
        await _fill(world, image, range(1))
    world = replace(world, periods={"": 0.0})
    await repair_bases(world)
    gate = asyncio.Semaphore(8)

    async def head(image: Reference) -> None:
        async with gate:
            await world.registries.digest(image)

    samples, floor = [], []
    for _ in range(3):
        samples.append(await timed(lambda: repair_bases(world)) / BASES)
        floor.append(await timed(lambda: asyncio.gather(*map(head, images))) / BASES)
    return Figure("reconciler, each base", samples, floor, "HEAD of its tag, 8 side by side")


def _pattern() -> StoredTask:
    """A task as it is stored; others are copies of it."""
    step = {"type": "Docker", "imageNames": ["app:{{.Run.ID}}"], "dockerFilePath": "Dockerfile"}
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}}
    platform = {"os": "linux", "architecture": "amd64"}
    properties = {"status": "Enabled", "platform": platform, "step": step, "trigger": trigger}
    return StoredTask(NAME, "pattern", {"name": "pattern", "properties": properties}, Edges(), 1, "")


async def _fill(world: World, image: Reference, numbers: range) -> None:
    """Write so many tasks on the image, each with its edge: copies of rows that the app's own code wrote."""
    digest, name = "sha256:" + "0" * 64, f"{image.repository}-pattern-{min(numbers, default=0)}"
    use = BaseUse("Runtime", ImageDescriptor(image.registry, image.repository, image.tag, digest), 1)
    await task_rows.insert(world, replace(_pattern(), name=name, edges=Edges((use,), "2024-01-01T00:00:00+00:00")))
    await base_rows.add_dependent(world, image, Dependent(NAME, name, "Runtime", digest, 1))
    await base_rows.watch(world, image, digest)
    task = await world.tables.get(task_rows.TASKS, keys.task_partition(NAME, name), name)
    key = keys.dependent(NAME, name)
    edge = await world.tables.get(base_rows.DEPENDENTS, keys.dependents_partition(str(image), keys.shard(key)), key)
    if task is None or edge is None:
        raise AssertionError(name)
    names = [f"{image.repository}-{number}" for number in numbers]
    await write_rows(world, task_rows.TASKS, [_task(task, each) for each in names])
    await write_rows(world, base_rows.DEPENDENTS, [_edge(edge, image, each) for each in names])
    await base_rows.remove_dependent(world, image, NAME, name)


def _task(pattern: Row, name: str) -> Row:
    return Row(keys.task_partition(NAME, name), name, {**pattern.values, "name": name})


def _edge(pattern: Row, image: Reference, name: str) -> Row:
    key = keys.dependent(NAME, name)
    partition = keys.dependents_partition(str(image), keys.shard(key))
    return Row(partition, key, {**pattern.values, "task": name})


def _reference(registry: Registry, repository: str) -> Reference:
    return Reference(registry.host, repository, "1")


@contextlib.asynccontextmanager
async def _parts(directory: Path) -> AsyncIterator[tuple[World, Registry]]:
    registry = Registry()
    runner = web.ServerRunner(web.Server(registry.answer))
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    registry.host = f"{LOOPBACK}:{runner.addresses[0][1]}"
    with fast_storage():
        azurite = await asyncio.to_thread(Azurite.start, directory / "azurite")
    connection = azurite.connection_string
    given = {
        "BASELIFT_LOGIN_SERVER": registry.host,
        "BASELIFT_PLAIN_HTTP_HOSTS": LOOPBACK,
        "BASELIFT_BUILD_WINDOW": "0",
    }
    registries = Registries(plain_http_hosts=[LOOPBACK])
    try:
        async with world_on(connection, **given) as world:
            yield replace(world, registries=registries), registry
    finally:
        await registries.close()
        await runner.cleanup()
        await asyncio.to_thread(azurite.stop)
