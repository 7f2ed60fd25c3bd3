"""The dashboard's pages among many tasks and runs: the server's time, and what goes over the wire."""

import asyncio
import hashlib
import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import aiohttp
from parts.errors import PartError
from parts.stack import Stack

from baselift.app import base_rows, codec, edges, keys, run_rows, task_names, task_rows
from baselift.app.ports import Row, Value
from baselift.app.request_run import log_name
from baselift.app.run_log import RunLog
from baselift.app.task_rows import Edges, StoredTask
from baselift.app.waves import followers, wave_rows
from baselift.app.waves.followers import Place
from baselift.app.waves.wave_rows import Wave
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse, Cause, ImageDescriptor, Run, Status, run_id
from baselift.domain.waves.states import Change, Member, MemberState, Moved, Tally, WaveState
from benchmarks.api import NAME
from benchmarks.measure import alternate, timed
from benchmarks.plenty import fast_parts, world_on, write_rows
from benchmarks.report import Aim, Figure

TASKS = int(os.environ.get("BASELIFT_BENCH_TASKS", "10000"))
RUNS = int(os.environ.get("BASELIFT_BENCH_RUNS", "100000"))
FAMILY, BASES, WAVES, ACTIVE = 40, 100, 20, 30
"""Tasks that are recorded as the app does it, one base under all of them, bases of the others, waves, and runs now."""
TIMES = 40
LARGEST = 150_000
"""Compressed bytes of a page at most."""
FLOOR = "GET /health"
OK = 200
PREFIX = "dn"
PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (each.name === "first-contentful-paint") done(each.startTime);
}).observe({ type: "paint", buffered: true }))"""
PAGES = {
    "overview": ("", Aim(p95=150)),
    "tasks": ("/tasks", Aim(p95=150)),
    "tasks, search": ("/tasks?q=family-1", Aim(p95=150)),
    "task": ("/tasks/family-0", Aim(p95=150)),
    "runs": ("/runs", Aim(p95=150)),
    "runs, of a task": ("/runs?task=family-0", Aim(p95=150)),
    "runs, failed": ("/runs?status=failed", Aim(p95=150)),
    "run": (f"/runs/{run_id(PREFIX, 1)}", Aim(p95=150)),
    "waves": ("/waves", Aim(p95=150)),
    "graph, whole": ("/graph", Aim(p95=150)),
    "graph, around one image": ("/graph?focus=family-0", Aim(p95=300)),
    "graph, around a base of many": ("/graph?focus=localhost:1/other0:1", Aim(p95=300)),
}


@dataclass
class Answer:
    """A page as it comes."""

    url: str
    session: aiohttp.ClientSession
    app: int
    """The app's process."""
    worked: list[float] = field(default_factory=list)
    """Milliseconds of processor time that the app took for each sample."""

    async def __call__(self) -> int:
        """Bytes over the wire."""
        async with self.session.get(self.url, headers={"Accept-Encoding": "gzip"}) as answer:
            content = await answer.read()
            if answer.status != OK:
                raise PartError(f"{self.url} was answered with {answer.status}: {content[:400]!r}")
            return len(content)

    async def sample(self, _: int) -> float:
        """Milliseconds until the page is there."""
        before = _processor(self.app)
        taken = await timed(self)
        self.worked.append(_processor(self.app) - before)
        return taken

    @property
    def work(self) -> float:
        """The app's processor time, in milliseconds: unlike the clock's it tells something on a busy machine too."""
        return sum(self.worked) / len(self.worked)


def _processor(process: int) -> float:
    """Milliseconds of processor time that a process has had, in steps of ten: proc(5), utime and stime."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def pages() -> list[Figure]:
    """Every page, in turn. Storage is Azurite with the cost of the real service."""
    with fast_parts() as stack:
        return await _measured(stack)


async def _measured(stack: Stack) -> list[Figure]:
    async with world_on(stack.azurite.connection_string) as world:
        await _fill(world)
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        root = f"{stack.app.url}/ui/{NAME}"
        app = stack.app.child.process.pid
        asked = [Answer(root + path, session, app) for path, _ in PAGES.values()]
        health = Answer(f"{stack.app.url}/health", session, app)
        taken = await alternate(TIMES, *(each.sample for each in (*asked, health)))
        sizes = [await each() for each in asked]
    painted = await asyncio.to_thread(_painted, root) if find_spec("playwright") else []
    if not painted:
        print(" (no first paint: a browser needs script/setup --dev)", file=sys.stderr, end="")
    figures = [
        Figure(f"{name} ({size / 1000:.0f} kB, {each.work:.0f} ms of processor)", samples, taken[-1], FLOOR, aim)
        for (name, (_, aim)), each, size, samples in zip(PAGES.items(), asked, sizes, taken, strict=False)
    ]
    if large := [name for name, size in zip(PAGES, sizes, strict=True) if size > LARGEST]:
        raise PartError(f"over {LARGEST} bytes: {', '.join(large)}")
    paint = [Figure("overview, first contentful paint", painted, taken[-1], FLOOR, Aim(p95=1000))] if painted else []
    return [*figures, *paint]


def _painted(url: str) -> list[float]:
    """Milliseconds until Chromium has painted something of a page that it does not have."""
    from parts.chromium import chromium  # noqa: PLC0415  # its driver is there for development alone

    found = []
    with chromium() as browser:
        for _ in range(TIMES // 4):
            context = browser.new_context()
            page = context.new_page()
            page.goto(url)
            found.append(float(page.evaluate(PAINT)))
            context.close()
    return found


async def _fill(world: World) -> None:
    """A family of tasks as the app records them, many others, and runs of them all."""
    for number in range(FAMILY):
        name, base = f"family-{number}", f"image{number - 1}" if number % 4 else "root"
        await task_names.add(world, NAME, name)
        stored = await task_rows.insert(world, _task(name, f"image{number}:1"))
        await edges.record(world, stored, [_use(base)], built=True)
    for number in range(BASES):
        await base_rows.watch(world, _reference(f"other{number}"), _digest(f"other{number}"))
    pattern = _task("pattern", "pattern:1")
    await task_rows.insert(world, replace(pattern, edges=Edges((_use("other0"),), "2026-01-01T00:00:00+00:00")))
    row = await world.tables.get(task_rows.TASKS, keys.task_partition(NAME, "pattern"), "pattern")
    if row is None:
        raise AssertionError
    names = [f"task-{number:05d}" for number in range(TASKS - FAMILY)]
    tasks = [Row(keys.task_partition(NAME, name), name, {**row.values, "name": name}) for name in names]
    await write_rows(world, task_rows.TASKS, tasks)
    await write_rows(world, task_names.NAMES, [Row(NAME, name, {"name": name}) for name in names])
    await _edges(world, names[::3])
    family = [f"family-{number}" for number in range(FAMILY)]
    await _runs(world, [*family, *names], {*family, *names[:200]})
    await _log(world)
    await _waves(world, family)


async def _edges(world: World, names: Sequence[str]) -> None:
    first = names[0]
    stored = await task_rows.get(world, NAME, first)
    if stored is None:
        raise AssertionError
    await edges.record(world, stored, [_use("other0")], built=True)
    key, image = keys.dependent(NAME, first), str(_reference("other0"))
    row = await world.tables.get(base_rows.DEPENDENTS, keys.dependents_partition(image, keys.shard(key)), key)
    if row is None:
        raise AssertionError
    rows = []
    for name in names:
        key = keys.dependent(NAME, name)
        rows.append(Row(keys.dependents_partition(image, keys.shard(key)), key, {**row.values, "task": name}))
    await write_rows(world, base_rows.DEPENDENTS, rows)


async def _runs(world: World, names: Sequence[str], listed: Collection[str]) -> None:
    """Runs of all tasks in turn, the last of them under way; those of `listed` can be found by their tasks."""
    for start in range(1, RUNS + 1, 20_000):
        runs = [_run(number, names[number % len(names)]) for number in range(start, min(start + 20_000, RUNS + 1))]
        await write_rows(world, run_rows.RUNS, [_row(run) for run in runs])
        for run in runs:
            if run.task in listed:
                await run_rows.point(world, run)
            if not run.status.final:
                where = keys.active_partition(NAME, run.seq)
                await world.tables.upsert(run_rows.ACTIVE, Row(where, keys.newest_first(run.seq), {"seq": run.seq}))


def _row(run: Run) -> Row:
    values: dict[str, Value] = {"status": run.status.value, "task": run.task or "", "doc": codec.dump(run)}
    return Row(keys.run_partition(NAME, run.seq), keys.newest_first(run.seq), values)


async def _waves(world: World, family: Sequence[str]) -> None:
    """Waves that are over, and one in which the family waits for a base that moved."""
    for number in range(WAVES):
        going = number == WAVES - 1
        at = (datetime.now(UTC) - timedelta(minutes=WAVES - number)).isoformat()
        identifier = wave_rows.wave_id("localhost:1/root:1", number, at, family)
        state = MemberState.WAITING if going else MemberState.SUCCEEDED
        members = [_member(place, task, state) for place, task in enumerate(family)]
        tally = Tally(FAMILY) if going else Tally(FAMILY, WaveState.FINISHED, settled=FAMILY)
        plan = f"{identifier}-0"
        await wave_rows.write_plan(world, plan, Change(tally, members))
        moved = Moved("localhost:1/root:1", _digest(f"root{number}"), number)
        await wave_rows.commit(world, Wave(identifier, plan, (moved,), at, at, (NAME,), FAMILY))
    for number, task in enumerate(family):
        await followers.wait(world, NAME, task, Place(plan, number))
    stored = await base_rows.get(world, _reference("root"))
    if stored is None:
        raise AssertionError
    await base_rows.save(world, base_rows.moved(stored, _digest("moved"), datetime.now(UTC), {}))


async def _log(world: World) -> None:
    name = log_name(_run(1, "family-0"))
    await world.blobs.create_log(name)
    async with RunLog(world, name) as log:
        for number in range(4000):
            await log.line(f"STEP {number}: \033[32mok\033[0m {hashlib.sha256(bytes(number)).hexdigest()}")
    await world.blobs.mark(name, {"complete": "successful"})


def _member(number: int, task: str, state: MemberState) -> Member:
    return Member(number, NAME, task, 0, (), (), ("localhost:1/root:1",), 1, 1, (), state)


def _run(number: int, task: str) -> Run:
    at = datetime.now(UTC) - timedelta(seconds=10 * (RUNS - number))
    status = Status.RUNNING if number > RUNS - ACTIVE else Status.FAILED if number % 10 == 0 else Status.SUCCEEDED
    cause = Cause("image", f"{number}", at.isoformat(), images=(_descriptor("other1"),))
    return Run(
        registry=NAME,
        seq=number,
        id=run_id(PREFIX, number),
        task=task,
        cause=cause,
        request={"type": "TaskRunRequest", "platform": {"os": "linux", "architecture": "amd64"}},
        created=at,
        run_type="AutoBuild",
        status=status,
        started=at,
        finished=at + timedelta(seconds=5) if status.final else None,
        outputs=(_descriptor(task),),
    )


def _task(name: str, image: str) -> StoredTask:
    step = {"type": "Docker", "imageNames": [image], "dockerFilePath": "Dockerfile"}
    step["contextPath"] = "http://localhost:1/a.git"
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}}
    properties = {"status": "Enabled", "platform": {"os": "linux", "architecture": "amd64"}, "step": step}
    return StoredTask(NAME, name, {"name": name, "properties": properties | {"trigger": trigger}}, Edges(), 1, "")


def _use(repository: str) -> BaseUse:
    return BaseUse("Runtime", _descriptor(repository), 1)


def _descriptor(repository: str) -> ImageDescriptor:
    return ImageDescriptor("localhost:1", repository, "1", _digest(repository))


def _reference(repository: str) -> Reference:
    return Reference("localhost:1", repository, "1")


def _digest(repository: str) -> str:
    return "sha256:" + hashlib.sha256(repository.encode()).hexdigest()
