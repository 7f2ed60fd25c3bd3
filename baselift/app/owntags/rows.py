"""Tags that runs of a task put and that have the run's id in their name, in tables.

`owntags` remembers them, one row a tag, for tasks that keep the newest only: longer than runs are kept. `tagkeepers`
lists these tasks, so that nobody has to read the others; what people asked for is on the task's own row.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

from baselift.app import keys
from baselift.app.ports import Conflict, Row, Stale, Value, Write
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.images import Reference
from baselift.domain.own_tags import OwnTag
from baselift.domain.runs import Run, Status

TAGS, KEEPERS = "owntags", "tagkeepers"
FROM_NEWEST, DONE = -1, 0
_BATCH = 100


@dataclass(frozen=True, slots=True)
class Remembered:
    """A tag as remembered."""

    tag: OwnTag
    partition: str
    key: str
    why: str = ""
    """Why it is there although it is to go."""
    due: float = 0.0
    """Epoch seconds from which on it is looked at again."""
    tries: int = 0
    moved: bool = False
    """It names another image than the run gave it: it is not ours any more."""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Keeper:
    """A task whose tags are looked after."""

    registry: str
    task: str
    since: float
    """Epoch seconds of when somebody last said how many are kept."""
    due: float = 0.0
    below: int = FROM_NEWEST
    """Runs from before somebody asked are remembered from this one on, downwards; `DONE` when all are."""
    tries: int = 0
    """Attempts since one succeeded."""
    problem: str = ""
    etag: str = ""


async def record(world: World, run: Run) -> None:
    """Remember what a run that succeeded pushed of its own tags. May be repeated."""
    if run.task is None or run.status is not Status.SUCCEEDED:
        return
    partition = keys.task_runs_partition(run.registry, run.task)
    pushed = {Reference(each.registry, each.repository, each.tag): each.digest for each in run.outputs}
    for image, digest in pushed.items():
        if digest and str(image) in run.own_tags:
            key = f"{keys.newest_first(run.seq)}|{keys.short(str(image), 16)}"
            with contextlib.suppress(Conflict):
                tag = OwnTag(run.seq, run.id, image, digest, run.finished or run.created)
                await world.tables.insert(TAGS, _row(Remembered(tag, partition, key)))


async def of_task(world: World, task: StoredTask) -> AsyncIterator[Remembered]:
    """The task's tags, the newest run's first."""
    async for row in world.tables.query(TAGS, partition=keys.task_runs_partition(task.registry, task.name)):
        yield _remembered(row)


async def save(world: World, each: Remembered) -> None:
    """Write what changed of a tag, unless another did or it is forgotten."""
    try:
        await world.tables.replace(TAGS, _row(each))
    except Stale:
        return


async def forget(world: World, each: Remembered) -> None:
    """The tag is gone, or not ours."""
    await world.tables.delete(TAGS, each.partition, each.key)


async def forget_task(world: World, registry: str, name: str) -> bool:
    """Forget a hundred tags of a task; True when none is left."""
    found: list[Row] = []
    async for row in world.tables.query(TAGS, partition=keys.task_runs_partition(registry, name)):
        found.append(replace(row, etag="", values={}))
        if len(found) == _BATCH:
            break
    if found:
        try:
            await world.tables.batch(TAGS, [Write("delete", row) for row in found])
        except Stale:
            return False
    return len(found) < _BATCH


async def keepers(world: World) -> AsyncIterator[Keeper]:
    """Every task whose tags are looked after."""
    async for row in world.tables.query(KEEPERS):
        yield _keeper(row)


async def keeper(world: World, registry: str, task: str) -> Keeper | None:
    """The task's; None where its tags are not looked after."""
    row = await world.tables.get(KEEPERS, registry.lower(), task.lower())
    return None if row is None else _keeper(row)


async def arrange(world: World, registry: str, task: str) -> None:
    """Have the task's tags looked after from now on, those of its earlier runs too."""
    await world.tables.upsert(KEEPERS, _keeper_row(Keeper(registry, task, since=world.now().timestamp())))


async def save_keeper(world: World, changed: Keeper) -> Keeper:
    """Write it if nobody wrote it since it was read. Raises Stale."""
    return replace(changed, etag=await world.tables.replace(KEEPERS, _keeper_row(changed)))


async def drop_keeper(world: World, read: Keeper) -> None:
    """Look after the task's tags no longer, if nobody asked for it since it was read. Raises Stale."""
    await world.tables.delete(KEEPERS, read.registry.lower(), read.task.lower(), read.etag)


def _row(each: Remembered) -> Row:
    values: dict[str, Value] = {
        "seq": each.tag.seq,
        "run": each.tag.run,
        "image": str(each.tag.image),
        "digest": each.tag.digest,
        "at": each.tag.at.isoformat(),
        "why": each.why,
        "due": each.due,
        "tries": each.tries,
        "moved": each.moved,
    }
    return Row(each.partition, each.key, values, each.etag)


def _remembered(row: Row) -> Remembered:
    tag = OwnTag(
        seq=row.number("seq"),
        run=row.text("run"),
        image=images.parse(row.text("image")),
        digest=row.text("digest"),
        at=datetime.fromisoformat(row.text("at")),
    )
    return Remembered(
        tag=tag,
        partition=row.partition,
        key=row.key,
        why=row.text("why"),
        due=_seconds(row, "due"),
        tries=row.number("tries"),
        moved=bool(row.values["moved"]),
        etag=row.etag,
    )


def _keeper_row(each: Keeper) -> Row:
    names = ("registry", "task", "since", "due", "below", "tries", "problem")
    return Row(each.registry.lower(), each.task.lower(), {name: getattr(each, name) for name in names}, each.etag)


def _keeper(row: Row) -> Keeper:
    return Keeper(
        registry=row.text("registry"),
        task=row.text("task"),
        since=_seconds(row, "since"),
        due=_seconds(row, "due"),
        below=row.number("below"),
        tries=row.number("tries"),
        problem=row.text("problem"),
        etag=row.etag,
    )


def _seconds(row: Row, name: str) -> float:
    return float(row.values[name])  # type: ignore[arg-type]
