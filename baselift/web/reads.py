"""What the pages read, by the app's use cases. Nothing here is kept, and nothing decided."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from baselift.app import base_rows, budgets, reasons, run_rows, sightings, task_rows
from baselift.app.base_rows import StoredBase
from baselift.app.budgets import Pause
from baselift.app.change_task import get_task
from baselift.app.edge_states import TaskEdges, states_of
from baselift.app.list_runs import list_runs
from baselift.app.reasons import Reason
from baselift.app.task_rows import StoredTask
from baselift.app.waves.list_waves import ShownWave, list_waves
from baselift.app.world import NotFound, World
from baselift.domain.runs import Run, Status
from baselift.web import logs
from baselift.web.logs import Match, Piece

AT_ONCE = 16
"""Reads side by side."""
RECENT = 100
"""Runs that the overview looks at: what failed among them is shown."""
MOVED = 200
"""Edges past their base that the overview looks at."""
HISTORY, TOLD, LATEST = 10, 20, 5
MATCHES, SEARCHED, SEARCH_CHUNK = 200, 64 << 20, 4 << 20
"""Lines that a search shows, bytes that it reads, and at once."""
_ACTIVE = frozenset({Status.QUEUED, Status.STARTED, Status.RUNNING})
_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """A task with what is known of it."""

    task: StoredTask
    edges: TaskEdges
    history: Sequence[Run]
    """Its runs, newest first."""
    told: Sequence[Reason] = ()


@dataclass(frozen=True, slots=True)
class BaseSeen:
    """A watched base and when it was last looked at; None before the first time."""

    base: StoredBase
    looked: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """Lines of a log, and the byte from which the search goes on; None at the end."""

    matches: Sequence[Match]
    below: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that the overview shows."""

    active: Sequence[Run]
    recent: Sequence[Run]
    """Newest first."""
    bases: Sequence[BaseSeen]
    unsettled: Sequence[TaskSeen]
    """Tasks whose base moved past what they were built on."""
    unread: Sequence[StoredTask]
    """Tasks whose edges could not be read."""
    waves: Sequence[ShownWave]
    """The latest, newest first."""
    quiet: Sequence[Pause]
    """Registries that do not answer, or ask to be left alone."""


async def task(world: World, registry: str, name: str) -> TaskSeen:
    """A task with its latest runs and decisions. Raises NotFound."""
    stored = await get_task(world, registry, name)
    edges, history, told = await asyncio.gather(
        states_of(world, stored),
        _history(world, stored, HISTORY),
        reasons.of_task(world, registry, stored.name, TOLD),
    )
    return TaskSeen(stored, edges, history, told)


async def run(world: World, registry: str, identifier: str) -> tuple[Run, Sequence[Reason]]:
    """A run, and what was decided about its task. Raises NotFound."""
    found = await run_row(world, registry, identifier)
    told = await reasons.of_task(world, registry, found.task) if found.task and found.cause.kind == "image" else ()
    return found, told


async def task_names(world: World, registry: str) -> list[str]:
    """The names of all tasks, in order."""
    return sorted([stored.name async for stored in task_rows.every(world, registry)], key=str.lower)


async def tasks(world: World, registry: str, names: Sequence[str]) -> list[TaskSeen]:
    """These tasks, each with its latest run; those that are gone are left out."""

    async def one(name: str) -> TaskSeen | None:
        stored = await task_rows.get(world, registry, name)
        if stored is None:
            return None
        return TaskSeen(stored, await states_of(world, stored), await _history(world, stored, 1))

    return [found for found in await _side_by_side(one, names) if found is not None]


async def overview(world: World, registry: str) -> Standing:
    """How a registry's images stand."""
    active, recent, bases, waves, quiet = await asyncio.gather(
        _active(world, registry),
        recent_runs(world, registry),
        watched(world),
        list_waves(world, registry, LATEST),
        budgets.every(world),
    )
    unsettled = await _past(world, registry, [seen.base for seen in bases])
    unread = [stored async for stored in task_rows.every(world, registry) if stored.edges.problem]
    return Standing(active, recent, bases, unsettled, unread, waves, list(quiet.values()))


async def watched(world: World) -> list[BaseSeen]:
    """All watched bases, by name."""
    looked = await sightings.latest(world)
    found = [stored async for stored in base_rows.every(world)]
    return [
        BaseSeen(stored, looked.get(str(stored.base.image)))
        for stored in sorted(found, key=lambda each: str(each.base.image))
    ]


async def unsettled(world: World, registry: str) -> list[TaskSeen]:
    """Tasks whose base moved past what they were built on, however that came."""
    return await _past(world, registry, [stored async for stored in base_rows.every(world)])


def since(runs: Iterable[Run], now: datetime, hours: int) -> list[Run]:
    """Those that ended in the last hours."""
    return [run for run in runs if run.finished is not None and now - run.finished < timedelta(hours=hours)]


async def _past(world: World, registry: str, bases: Sequence[StoredBase]) -> list[TaskSeen]:
    async def past(stored: StoredBase) -> list[str]:
        return [
            dependent.edge.task
            async for dependent in base_rows.dependents(world, stored.base.image)
            if dependent.edge.registry.lower() == registry.lower()
            and (dependent.edge.built or dependent.edge.digest) != stored.base.digest
        ]

    moved = [stored for stored in bases if stored.base.generation > 1]
    names = {name for found in await _side_by_side(past, moved) for name in found}
    return await tasks(world, registry, list(islice(sorted(names), MOVED)))


async def _active(world: World, registry: str) -> Sequence[Run]:
    page = await list_runs(world, registry, lambda _: True, task=None, statuses=_ACTIVE, size=RECENT)
    return page.runs


async def recent_runs(world: World, registry: str) -> Sequence[Run]:
    """The latest runs, newest first."""
    return (await list_runs(world, registry, lambda _: True, task=None, size=RECENT)).runs


async def _history(world: World, stored: StoredTask, size: int) -> Sequence[Run]:
    page = await list_runs(world, stored.registry, lambda _: True, task=stored.name, size=size)
    return page.runs


async def _side_by_side(one: Callable[[_T], Awaitable[_U]], items: Sequence[_T]) -> list[_U]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(item: _T) -> _U:
        async with gate:
            return await one(item)

    return await asyncio.gather(*map(gated, items))


async def run_row(world: World, registry: str, identifier: str) -> Run:
    """A run alone. Raises NotFound."""
    stored = await run_rows.get(world, registry, identifier)
    if stored is None:
        raise NotFound(f"run '{identifier}' does not exist in registry '{registry}'")
    return stored.run


async def log_piece(world: World, name: str, start: int) -> Piece:
    """The lines of a log from byte `start` on, where a line begins."""
    data, total, metadata = await world.blobs.read_part(name, start, logs.CHUNK)
    return logs.piece(data, start, total, complete="complete" in metadata, whole=True)


async def log_end(world: World, name: str) -> Piece:
    """The last lines of a log."""
    data, total, metadata = await world.blobs.read_part(name, 0, logs.CHUNK)
    start = max(0, total - logs.CHUNK)
    if start:
        data, total, metadata = await world.blobs.read_part(name, start, logs.CHUNK)
    return logs.piece(data, start, total, complete="complete" in metadata, whole=start == 0)


async def log_search(world: World, name: str, query: str, start: int) -> Found:
    """The lines from byte `start` on that have the query in them."""
    found, at, ended = list[Match](), start, False
    while not ended and len(found) < MATCHES and at - start < SEARCHED:
        data, total, _ = await world.blobs.read_part(name, at, SEARCH_CHUNK)
        ended = at + len(data) >= total or not data
        kept = data if ended else data[: data.rfind(b"\n") + 1] or data
        found += islice(logs.matches(kept, at, query), MATCHES - len(found))
        at += len(kept)
    last = found[-1].offset + 1 if len(found) == MATCHES else at
    return Found(found, None if ended and len(found) < MATCHES else last)
