"""What the pages read, by the app's use cases. Nothing here is kept, and nothing decided."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice

from baselift.app import reasons, run_rows, task_names
from baselift.app.change_task import get_task
from baselift.app.edge_states import TaskEdges, states_of
from baselift.app.list_runs import list_runs
from baselift.app.reasons import Reason
from baselift.app.task_rows import StoredTask
from baselift.app.world import NotFound, World
from baselift.domain.runs import Run
from baselift.web import logs
from baselift.web.logs import Match, Piece

RECENT = 100
"""Runs that the overview looks at: what failed among them is shown."""
PAGE, LOOKED, PREFIXED = 15, 1000, 5
"""Tasks of one page, names that a search looks at for it, and those that begin with the query: they stand first."""
HISTORY, TOLD = 10, 20
MATCHES, SEARCHED, SEARCH_CHUNK = 200, 64 << 20, 4 << 20
"""Lines that a search shows, bytes that it reads, and at once."""


@dataclass(frozen=True, slots=True)
class TaskSeen:
    """A task with what is known of it."""

    task: StoredTask
    edges: TaskEdges
    history: Sequence[Run]
    """Its runs, newest first."""
    told: Sequence[Reason] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Lines of a log, and the byte from which the search goes on; None at the end."""

    matches: Sequence[Match]
    below: int | None


async def task(world: World, registry: str, name: str) -> TaskSeen:
    """A task with its latest runs and decisions. Raises NotFound."""
    stored = await get_task(world, registry, name)
    edges, history, told = await asyncio.gather(
        states_of(world, stored),
        history_of(world, registry, stored.name, HISTORY),
        reasons.of_task(world, registry, stored.name, TOLD),
    )
    return TaskSeen(stored, edges, history, told)


async def run(world: World, registry: str, identifier: str) -> tuple[Run, Sequence[Reason]]:
    """A run, and what was decided about its task. Raises NotFound."""
    found = await run_row(world, registry, identifier)
    told = await reasons.of_task(world, registry, found.task) if found.task and found.cause.kind == "image" else ()
    return found, told


async def names(world: World, registry: str, query: str, after: str) -> tuple[list[str], str]:
    """Names of a page of tasks that have the query in them, and after which the next page begins; empty at the end.

    A search looks at `LOOKED` names for a page, and first at those that begin with the query.
    """
    listed = task_names.listed(world, registry, prefix=query, ahead=PREFIXED)
    found = [name async for name in _first(listed, query and not after)]
    looked = 0
    async for name in task_names.listed(world, registry, after, ahead=LOOKED if query else PAGE):
        looked += 1
        if query.lower() in name.lower() and name not in found:
            found.append(name)
        if len(found) >= PAGE or looked == LOOKED:
            return found, name
    return found, ""


async def _first(listed: AsyncIterator[str], wanted: object) -> AsyncIterator[str]:
    if wanted:
        count = 0
        async for name in listed:
            yield name
            count += 1
            if count == PREFIXED:
                return


async def at_most(world: World, registry: str, count: int) -> bool:
    """True when the registry has no more tasks than that."""
    looked = 0
    async for _ in task_names.listed(world, registry, ahead=count + 1):
        looked += 1
        if looked > count:
            return False
    return True


async def recent_runs(world: World, registry: str) -> Sequence[Run]:
    """The latest runs, newest first."""
    return (await list_runs(world, registry, lambda _: True, task=None, size=RECENT)).runs


async def history_of(world: World, registry: str, task: str, size: int) -> Sequence[Run]:
    """The latest runs of a task, newest first."""
    return (await list_runs(world, registry, lambda _: True, task=task, size=size)).runs


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
