"""A run that is canceled, or whose time is over, leaves nothing of itself, whatever it was doing."""

import asyncio
import base64
import fcntl
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from app.holding import Door, door
from app.site import REGISTRY, Site
from parts.gitserver import GitServer
from parts.registry import Registry

from baselift.app import run_rows
from baselift.app.cancel_run import cancel_run
from baselift.app.execute_run import execute_run
from baselift.app.request_run import Ask, request_run
from baselift.domain.builds import Image
from baselift.domain.runs import Cause, Run, Status
from baselift.registry.client import Registries

NAPS = itertools.count(int(f"9{os.getpid()}000"))
"""Seconds to sleep, each once: by them a process is known."""


@dataclass
class Stage:
    """A site whose registry is behind a door, and what was on the machine before."""

    site: Site
    door: Door
    nap: str
    before: set[int]

    async def layer(self) -> str:
        """Digest of the base's first layer in the registry."""
        found = await self.site.registries.resolve(self.site.base, "linux/amd64")
        assert found is not None
        return found.layers[0].digest

    def left(self) -> list[str]:
        """All that is left of runs."""
        here = str(self.site.directory)
        found = [f"process {line}" for line in command_lines() if here in line or f"sleep {self.nap}" in line]
        found += [f"child {pid}" for pid in descendants() - self.before]
        found += [f"mount {line}" for line in Path("/proc/self/mountinfo").read_text().splitlines() if here in line]
        found += [
            f"container {each}" for file in self.site.directory.rglob("*containers.json") for each in records(file)
        ]
        found += [f"file {path}" for path in self.site.world.scratch.iterdir()]
        found += [
            f"lock {path}" for path in (self.site.world.scratch, *self.site.directory.rglob("lock")) if locked(path)
        ]
        return found


def command_lines() -> list[str]:
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines


def descendants() -> set[int]:
    """Processes that this one started, and theirs."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(entry.parent.name)] = int(entry.read_text(errors="replace").rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def records(file: Path) -> list[str]:
    return [each["id"] for each in json.loads(file.read_bytes() or b"[]")]


def locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@pytest.fixture
async def stage(
    tmp_path: Path,
    registry: Registry,
    git_server: GitServer,
    registries: Registries,
    bases: dict[str, Image],
    site: Site,
) -> AsyncIterator[Stage]:
    _ = site  # the session's base is built
    async with door(f"http://{registry.host}") as held:
        own = Site(tmp_path / "own", replace(registry, port=held.port), git_server, registries, bases)
        await own.push_base("1")
        own.world.scratch.mkdir(parents=True)
        yield Stage(own, held, str(next(NAPS)), descendants())


async def of_dockerfile(stage: Stage, run: str) -> dict[str, Any]:
    stage.site.write_app(f"FROM {stage.site.base}\nRUN {run}\n")
    image = f"{stage.site.name}/app:1"
    return {"type": "DockerBuildRequest", "sourceLocation": stage.site.context, "imageNames": [image]}


async def fetching(stage: Stage) -> dict[str, Any]:
    stage.door.holds = lambda _, path: "/slow.git/" in path
    return {"type": "DockerBuildRequest", "sourceLocation": f"http://localhost:{stage.door.port}/slow.git"}


async def pulling(stage: Stage) -> dict[str, Any]:
    layer = await stage.layer()
    stage.door.holds = lambda method, path: method == "GET" and path.endswith(layer)
    return await of_dockerfile(stage, "true")


async def building(stage: Stage) -> dict[str, Any]:
    return await of_dockerfile(stage, f"sleep {stage.nap}")


async def running(stage: Stage) -> dict[str, Any]:
    nap = f"{stage.site.base} sh -c 'trap exit TERM; sleep {stage.nap} & wait'"
    steps = f"steps:\n- cmd: {nap}\n  detach: true\n- cmd: {nap}\n- cmd: {stage.site.base} true\n"
    return {"type": "EncodedTaskRunRequest", "encodedTaskContent": base64.b64encode(steps.encode()).decode()}


async def pushing(stage: Stage) -> dict[str, Any]:
    stage.door.holds = lambda method, path: method in ("PATCH", "PUT") and "/blobs/uploads/" in path
    return await of_dockerfile(stage, "echo more > /more")


def asleep(stage: Stage, count: int) -> bool:
    return sum(line.startswith(f"sleep {stage.nap}") for line in command_lines()) == count


PHASES: dict[str, tuple[Callable[[Stage], Any], Callable[[Stage], bool]]] = {
    "fetch": (fetching, lambda stage: stage.door.reached.is_set()),
    "pull": (pulling, lambda stage: stage.door.reached.is_set()),
    "build": (building, lambda stage: asleep(stage, 1)),
    "cmd": (running, lambda stage: asleep(stage, 2)),
    "push": (pushing, lambda stage: stage.door.reached.is_set()),
}


async def canceled(stage: Stage, run: Run) -> None:
    await cancel_run(stage.site.world, REGISTRY, run.id)


async def out_of_time(stage: Stage, run: Run) -> None:
    stage.site.clock.turn(run.timeout)


ENDS = {
    "canceled": (canceled, Status.CANCELED, "the run was canceled"),
    "timeout": (out_of_time, Status.TIMEOUT, "the run did not end within its timeout of 3600 s"),
}
TELLING = {("pull", "canceled"), ("cmd", "timeout"), ("push", "canceled")}
MATRIX = [
    pytest.param(phase, end, marks=[] if (phase, end) in TELLING else pytest.mark.campaign)
    for phase in PHASES
    for end in ENDS
]


@pytest.mark.parametrize(("phase", "end"), MATRIX)
async def test_a_run_that_is_stopped_leaves_nothing(stage: Stage, phase: str, end: str):
    (prepare, is_there), (stop, status, error) = PHASES[phase], ENDS[end]
    site = stage.site
    request = {"platform": {"os": "linux", "architecture": "amd64"}} | await prepare(stage)
    cause = Cause("request", site.world.token(), site.clock().isoformat())
    run = await request_run(site.world, Ask(REGISTRY, cause, request, "QuickRun"))
    site.store.receive("builds")
    work = asyncio.create_task(execute_run(site.world, REGISTRY, run.id))
    async with asyncio.timeout(40):
        while not is_there(stage):
            assert not work.done(), await site.log(run)
            await asyncio.sleep(0.05)
        assert stage.left()
        await stop(stage, run)
        await work
    stored = await run_rows.get(site.world, REGISTRY, run.id)
    assert stored is not None
    assert (stored.run.status, stored.run.error) == (status, error)
    assert (await site.log(run)).endswith(f"Error: {error}\r\n")
    assert await site.tag("app:1") is None
    assert stage.left() == []
