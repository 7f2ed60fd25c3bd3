"""What was read or written just now, so that the start of members need not read it again."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from baselift.app import task_rows
from baselift.app.base_rows import StoredBase
from baselift.app.task_rows import StoredTask
from baselift.app.waves import followers, pauses
from baselift.app.waves.followers import Follower
from baselift.app.waves.pauses import Pause
from baselift.app.waves.walk import together
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.waves.graph import key
from baselift.domain.waves.states import Member


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is known of some members' tasks. Tasks and followers are under the task's key in the graph."""

    tasks: Mapping[str, StoredTask] = field(default_factory=dict)
    followers: Mapping[str, Follower] = field(default_factory=dict)
    bases: Mapping[Reference, StoredBase] = field(default_factory=dict)
    paused: Sequence[Pause] | None = None
    """None where it was not read."""


def merged(parts: Iterable[Fresh]) -> Fresh:
    """What was read at several places."""
    made = Fresh()
    for each in parts:
        paused = made.paused if each.paused is None else each.paused
        made = Fresh({**made.tasks, **each.tasks}, {**made.followers, **each.followers}, paused=paused)
    return made


async def read(world: World, members: Sequence[Member], known: Fresh | None = None) -> Fresh:
    """What some members need that are about to be started, beside what is known; nothing where there are none."""
    known = known or Fresh()
    if not members:
        return known
    unknown = [each for each in members if key(each.registry, each.task) not in known.followers]
    pairs, paused = await asyncio.gather(
        together(unknown, lambda each: _pair(world, each)),
        _pauses(world, known),
    )
    tasks = {key(task.registry, task.name): task for task, _ in pairs if task is not None}
    rows = {key(row.registry, row.task): row for _, row in pairs}
    return Fresh({**known.tasks, **tasks}, {**known.followers, **rows}, known.bases, paused)


async def _pair(world: World, member: Member) -> tuple[StoredTask | None, Follower]:
    return await asyncio.gather(
        task_rows.get(world, member.registry, member.task), followers.get(world, member.registry, member.task)
    )


async def _pauses(world: World, known: Fresh) -> Sequence[Pause]:
    return await pauses.every(world) if known.paused is None else known.paused
