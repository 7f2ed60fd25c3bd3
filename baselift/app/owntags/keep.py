"""Say of how many runs of a task the own tags are kept, and see how that stands."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from baselift.app import task_rows
from baselift.app.change_task import get_task
from baselift.app.owntags import rows
from baselift.app.ports import Stale
from baselift.app.task_rows import StoredTask
from baselift.app.world import World

SHOWN = 100
"""Tags at most that are shown with why they are still there."""
_READ = 20_000


@dataclass(frozen=True, slots=True)
class Left:
    """A tag that is to go and stays."""

    image: str
    run: str
    why: str


@dataclass(frozen=True, slots=True)
class TagKeeping:
    """How a task's own tags are kept."""

    keep: int | None
    """Number of runs; None keeps all."""
    problem: str = ""
    """What kept the last deletion from its end; empty when nothing did."""
    next: str = ""
    """RFC 3339 time of the next look; empty where nobody looks."""
    left: Sequence[Left] = ()
    """The newest first."""


async def keep_tags(world: World, registry: str, name: str, keep: int) -> TagKeeping:
    """Keep the own tags of the newest `keep` runs; 0 keeps all, and forgets what was remembered. Raises NotFound."""
    task = await get_task(world, registry, name)
    # Noted first: what is noted for a task that keeps everything is dropped again.
    await rows.arrange(world, task.registry, task.name)
    while True:
        try:
            changed = await task_rows.save(world, replace(task, keep=keep))
        except Stale:
            task = await get_task(world, registry, name)
            continue
        return await _standing(world, changed)


async def tag_keeping(world: World, registry: str, name: str) -> TagKeeping:
    """How it stands. Raises NotFound."""
    return await _standing(world, await get_task(world, registry, name))


async def _standing(world: World, task: StoredTask) -> TagKeeping:
    keeper = await rows.keeper(world, task.registry, task.name)
    if not task.keep or keeper is None:
        return TagKeeping(task.keep or None)
    left: list[Left] = []
    read = 0
    async for each in rows.of_task(world, task):
        read += 1
        if each.why:
            left.append(Left(str(each.tag.image), each.tag.run, each.why))
        if len(left) == SHOWN or read == _READ:
            break
    due = datetime.fromtimestamp(max(keeper.due, world.now().timestamp()), UTC)
    return TagKeeping(task.keep, keeper.problem, due.isoformat(), left)
