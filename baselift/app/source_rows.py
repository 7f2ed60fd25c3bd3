"""What is known of source triggers, beside the ARM resource so that no client's PUT loses it.

A task with source triggers has one row for its webhook, and one for each enabled trigger with what was seen of its
branch. Rows of triggers are arranged from the task's document, as timers are: one that stays keeps its place.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from baselift.app import codec, keys
from baselift.app.ports import Conflict, Row, Stale
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import source_triggers
from baselift.domain.source_triggers import Paths, SourceTrigger

HOOKS, WATCHES = "sourcehooks", "sourcewatches"
KEPT = 16
"""Heads of a branch that are remembered."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A task's webhook. Times are RFC 3339, empty before the first."""

    salt: str
    """Part of what the secret is made from: another one makes another secret."""
    patterns: Sequence[str] = ()
    """As `Paths`."""
    context: bool = False
    heard: str = ""
    """When the last delivery came whose sender knew the secret."""
    delivery: str = ""
    """The host's id of it."""
    told: str = ""
    """What followed from it."""

    @property
    def paths(self) -> Paths:
        """Which changed files count."""
        return Paths(tuple(self.patterns), self.context)


@dataclass(frozen=True, slots=True)
class Watch:
    """What was seen of a trigger's branch. Times are RFC 3339, empty before the first."""

    registry: str
    task: str
    trigger: str
    url: str
    branch: str
    """As the trigger names it; empty for the remote's default."""
    heads: Sequence[str] = ()
    """Commits at which looks found the branch, the latest last."""
    returns: int = 0
    """How often a look found the branch back at one of them."""
    follows: str = ""
    """The branch that the last look found."""
    looked: str = ""
    problem: str = ""
    """Why the last look failed; empty when it did not."""
    failures: int = 0
    """Looks that failed in a row."""
    heard: str = ""
    """When a webhook last told of this repository."""
    told: str = ""
    """The commit of this branch that one last told of."""
    missed: str = ""
    """When a look last found a commit of which no webhook had told."""


async def arrange(world: World, registry: str, name: str, task: StoredTask | None) -> None:
    """Make the rows of triggers what the task says; None for a task that is gone, whose webhook goes with it."""
    partition = keys.task_runs_partition(registry, name)
    wanted = {each.name: each for each in source_triggers.of_task(task.document)} if task else {}
    kept = set()
    async for row in world.tables.query(WATCHES, partition=partition):
        if is_for(codec.load(Watch, row.text("doc")), wanted.get(row.key)):
            kept.add(row.key)
        else:
            await world.tables.delete(WATCHES, partition, row.key)
    if task is not None:
        for missing in wanted.keys() - kept:
            watch = new_watch(task, wanted[missing])
            await world.tables.upsert(WATCHES, Row(partition, missing, {"doc": codec.dump(watch)}))
    else:
        await world.tables.delete(HOOKS, keys.task_partition(registry, name), name.lower())


async def hook(world: World, registry: str, name: str) -> Hook | None:
    """The task's webhook; None for a task that was never asked for it."""
    row = await world.tables.get(HOOKS, keys.task_partition(registry, name), name.lower())
    return None if row is None else codec.load(Hook, row.text("doc"))


async def change_hook(world: World, registry: str, name: str, change: Callable[[Hook], Hook]) -> Hook:
    """Apply a change to the task's webhook, which is made when there is none. Returns it as it is then."""
    at = keys.task_partition(registry, name), name.lower()
    while True:
        row = await world.tables.get(HOOKS, *at)
        changed = change(codec.load(Hook, row.text("doc")) if row else Hook(world.token()))
        try:
            await _write(world, HOOKS, at, row, codec.dump(changed))
        except (Conflict, Stale):
            continue
        return changed


async def watches(world: World, registry: str, name: str) -> dict[str, Watch]:
    """What was seen of a task's triggers, by the trigger's name."""
    found = {}
    async for row in world.tables.query(WATCHES, partition=keys.task_runs_partition(registry, name)):
        found[row.key] = codec.load(Watch, row.text("doc"))
    return found


async def get(world: World, watch: Watch) -> Watch | None:
    """What is known of the same trigger now."""
    row = await world.tables.get(WATCHES, keys.task_runs_partition(watch.registry, watch.task), watch.trigger)
    return None if row is None else codec.load(Watch, row.text("doc"))


async def every(world: World) -> AsyncIterator[Watch]:
    """All watched triggers."""
    async for row in world.tables.query(WATCHES):
        yield codec.load(Watch, row.text("doc"))


async def note(world: World, watch: Watch, change: Callable[[Watch], Watch]) -> None:
    """Apply a change to what is known of a trigger, unless its row is gone or for another branch by now."""
    at = keys.task_runs_partition(watch.registry, watch.task), watch.trigger
    while (row := await world.tables.get(WATCHES, *at)) is not None:
        stored = codec.load(Watch, row.text("doc"))
        if (stored.url, stored.branch) != (watch.url, watch.branch):
            return
        try:
            await _write(world, WATCHES, at, row, codec.dump(change(stored)))
        except Stale:
            continue
        return


def new_watch(task: StoredTask, trigger: SourceTrigger) -> Watch:
    """The watch of a trigger of which nothing was seen yet."""
    return Watch(task.registry, task.name, trigger.name, trigger.url, trigger.branch or "")


def is_for(watch: Watch, trigger: SourceTrigger | None) -> bool:
    """True when the row is for what the trigger says now."""
    return trigger is not None and (watch.url, watch.branch) == (trigger.url, trigger.branch or "")


def looked(watch: Watch, head: str, *, returned: bool) -> Watch:
    """The watch after a look found its branch at `head`."""
    heads = watch.heads if watch.heads and watch.heads[-1] == head else (*watch.heads, head)[-KEPT:]
    return replace(watch, heads=heads, returns=watch.returns + returned)


async def _write(world: World, table: str, at: tuple[str, str], old: Row | None, text: str) -> None:
    """Write the row if nobody wrote it since it was read. Raises Conflict or Stale."""
    if old is None:
        await world.tables.insert(table, Row(*at, {"doc": text}))
    else:
        await world.tables.replace(table, Row(*at, {"doc": text}, old.etag))
