"""How a registry's images stand as a whole. What is read follows what moves and runs now, not the tasks there are."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from baselift.app import base_rows, budgets, run_rows, sightings, task_names, task_rows
from baselift.app.base_rows import StoredBase
from baselift.app.budgets import Pause
from baselift.app.edge_states import TaskEdges
from baselift.app.edges import reference
from baselift.app.task_rows import StoredTask
from baselift.app.waves import followers, wave_rows
from baselift.app.waves.list_waves import ShownWave, list_waves
from baselift.app.waves.walk import together
from baselift.app.world import World
from baselift.domain.edges import policies
from baselift.domain.edges.states import EdgeState, Known, state
from baselift.domain.runs import BaseUse, Run
from baselift.domain.waves.states import WaveState
from baselift.web.reads import TaskSeen, history_of, recent_runs

SHOWN = 8
"""Rows of a list; the rest is a click away."""
LATEST = 5
"""Waves that are looked at."""
_MOST = 1000
"""Names read of one kind, and members of one wave."""


@dataclass(frozen=True, slots=True)
class BaseSeen:
    """A watched base and when it was last looked at; None before the first time."""

    base: StoredBase
    looked: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that the overview shows."""

    active: Sequence[Run]
    """The newest `SHOWN`."""
    more_active: int
    recent: Sequence[Run]
    """Newest first."""
    bases: Sequence[BaseSeen]
    """Those that moved last first."""
    unsettled: Sequence[TaskSeen]
    """The first `SHOWN` of the tasks that may stand on an old base."""
    more_unsettled: int
    unread: Sequence[StoredTask]
    """Tasks whose edges could not be read."""
    waves: Sequence[ShownWave]
    """The latest, newest first."""
    quiet: Sequence[Pause]
    """Registries that do not answer, or ask to be left alone."""


@dataclass(frozen=True, slots=True)
class TaskListed:
    """A task in a list."""

    task: StoredTask
    history: Sequence[Run]
    """Its latest run, where it has one."""
    concerned: bool
    """True while a movement concerns it: see `moving`."""


async def overview(world: World, registry: str) -> Standing:
    """How a registry's images stand."""
    (active, more, recent), bases, (names, waves), quiet, unread = await asyncio.gather(
        _runs(world, registry),
        watched(world),
        _moving(world, registry),
        budgets.every(world),
        _unread(world, registry),
    )
    known = {str(seen.base.base.image): seen.base for seen in bases}
    seen = await together(names[:SHOWN], lambda name: _behind(world, registry, name, known, recent))
    found = [each for each in seen if each is not None]
    return Standing(active, more, recent, bases, found, len(names[SHOWN:]), unread, waves, list(quiet.values()))


async def watched(world: World) -> list[BaseSeen]:
    """Watched bases, those that moved last first."""
    looked, found = await asyncio.gather(sightings.latest(world), _bases(world))
    rows = sorted(found, key=lambda each: str(each.base.image))
    rows.sort(key=lambda each: each.moved if each.base.generation > 1 else "", reverse=True)
    return [BaseSeen(stored, looked.get(str(stored.base.image))) for stored in rows]


async def moving(world: World, registry: str) -> list[str]:
    """Names of the tasks that a movement concerns: in a wave, failed in one, or left behind by one that was canceled.

    Of those left behind the latest waves tell.
    """
    return (await _moving(world, registry))[0]


async def _moving(world: World, registry: str) -> tuple[list[str], list[ShownWave]]:
    waiting, waves = await asyncio.gather(_following(world, registry), list_waves(world, registry, LATEST))
    open_ = [shown for shown in waves if shown.state is not WaveState.FINISHED or shown.tally.failed]
    left = await together(open_, lambda shown: _left(world, registry, shown))
    names = {name.lower(): name for each in (waiting, *left) for name in each}
    return sorted(names.values(), key=str.lower), waves


async def _following(world: World, registry: str) -> list[str]:
    return [follower.task async for follower in followers.every(world, registry)]


async def tasks(world: World, registry: str, names: Sequence[str]) -> list[TaskListed]:
    """These tasks, each with its latest run; those that are gone are left out."""

    async def one(name: str) -> tuple[StoredTask | None, Sequence[Run]]:
        return await asyncio.gather(task_rows.get(world, registry, name), history_of(world, registry, name, 1))

    concerned, found = await asyncio.gather(moving(world, registry), together(names, one))
    moved = {name.lower() for name in concerned}
    return [TaskListed(task, history, concerned=task.name.lower() in moved) for task, history in found if task]


async def _left(world: World, registry: str, shown: ShownWave) -> list[str]:
    found, looked = [], 0
    async for stored in wave_rows.members(world, shown.wave.plan):
        looked += 1
        member = stored.member
        if member.registry.lower() == registry.lower() and not member.state.passed:
            found.append(member.task)
        if looked == _MOST:
            break
    return found


async def _behind(
    world: World, registry: str, name: str, bases: dict[str, StoredBase], recent: Iterable[Run]
) -> TaskSeen | None:
    """A task with its edges as they stand, without what was seen of its bases."""
    stored = await task_rows.get(world, registry, name)
    if stored is None:
        return None
    edges = [await _edge(world, stored, use, bases) for use in stored.edges.bases]
    history = [run for run in recent if (run.task or "").lower() == name.lower()]
    return TaskSeen(stored, TaskEdges(stored.name, edges, stored.edges.found, stored.edges.problem, ""), history)


async def _edge(world: World, task: StoredTask, use: BaseUse, bases: dict[str, StoredBase]) -> EdgeState:
    image = reference(use.image)
    base = bases.get(str(image))
    dependent = await base_rows.dependent(world, image, task.registry, task.name) if base else None
    policy, edge = task.policies.get(str(image), policies.DEFAULT), dependent.edge if dependent else None
    settling = base.settling if base else None
    known = Known(use, policy, base.base if base else None, base.moved if base else "", edge, None, None, settling)
    return state(known, task.document)


async def _runs(world: World, registry: str) -> tuple[list[Run], int, Sequence[Run]]:
    """The newest runs that are not over, how many more there are, and the newest of all."""
    seqs, recent = await asyncio.gather(run_rows.active_seqs(world, registry), recent_runs(world, registry))
    known = {run.seq: run for run in recent}
    known |= {
        run.seq: run for run in await run_rows.these(world, registry, [s for s in seqs[:SHOWN] if s not in known])
    }
    found = [known[seq] for seq in seqs[:SHOWN] if seq in known and not known[seq].status.final]
    return found, len(seqs[SHOWN:]), recent


async def _bases(world: World) -> list[StoredBase]:
    return [stored async for stored in base_rows.every(world)]


async def _unread(world: World, registry: str) -> list[StoredTask]:
    names = [name async for name in task_names.troubled(world, registry)]
    found = await together(names[: 2 * SHOWN], lambda name: task_rows.get(world, registry, name))
    return [task for task in found if task is not None and task.edges.problem]


def since(runs: Iterable[Run], now: datetime, hours: int) -> list[Run]:
    """Those that ended in the last hours."""
    return [run for run in runs if run.finished is not None and now - run.finished < timedelta(hours=hours)]


async def some_bases(world: World, query: str, count: int) -> list[str]:
    """Canonical references of watched bases that have the query in them, in order."""
    found = [str(each.base.image) for each in await _bases(world)]
    return list(islice(sorted(name for name in found if query.lower() in name.lower()), count))
