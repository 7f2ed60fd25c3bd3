"""Look at the branches that source triggers follow: no webhook can reach many a server, and any may be lost.

One question to each repository answers for all its triggers. The first look at a branch only keeps its commit; later
ones build another. The row moves on after the run was asked for: a crash in between asks for the same run again.
Pull requests cannot be seen so: git does not say which branch they are for.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from baselift.app import source_rows, task_rows
from baselift.app.on_source import build_commit, key, scan_again
from baselift.app.source_rows import Watch
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain import source_triggers, tasks
from baselift.domain.builds import Failure
from baselift.domain.hooks import COMMIT, SourceEvent
from baselift.domain.source_triggers import Heads, SourceTrigger

AT_ONCE = 4
"""Repositories asked side by side."""
RARELY = 10
"""How many times less often a branch is looked at that webhooks tell of."""
ROUND = timedelta(seconds=60)
"""After which no more repositories are asked in one round."""
LONGEST = timedelta(hours=1)
"""Between looks at a repository that does not answer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """A trigger whose branch is to be looked at."""

    task: StoredTask
    trigger: SourceTrigger
    watch: Watch
    token: str | None = field(repr=False)


async def watch_sources(world: World) -> None:
    """Look at every branch whose time has come, and build the commits that no webhook told of.

    Raises:
        ExceptionGroup: the faults, after all repositories were asked.
    """
    repositories: defaultdict[tuple[str, str | None], list[Due]] = defaultdict(list)
    async for watch in source_rows.every(world):
        if _is_due(world, watch) and (due := await _due(world, watch)) is not None:
            repositories[due.trigger.url, due.token].append(due)
    gate, began = asyncio.Semaphore(AT_ONCE), world.now()

    async def one(dues: Sequence[Due]) -> None:
        async with gate:
            # What is left waits for the next round: the other repairs must have theirs in time.
            if world.now() - began < ROUND:
                await _look(world, dues)

    longest_ago = sorted(repositories.values(), key=lambda dues: min(due.watch.looked for due in dues))
    ended = await asyncio.gather(*map(one, longest_ago), return_exceptions=True)
    if faults := [each for each in ended if isinstance(each, Exception)]:
        raise ExceptionGroup("looks at branches failed", faults)


def next_look(watch: Watch, every: timedelta) -> datetime | None:
    """When the branch is looked at again; None: at once. `every`: the setting."""
    if not watch.looked:
        return None
    pause = every * RARELY if watch.heard and not watch.missed else every
    after_failures: timedelta = min(every * 2 ** min(watch.failures, 12), LONGEST)
    return datetime.fromisoformat(watch.looked) + max(pause, after_failures)


def _is_due(world: World, watch: Watch) -> bool:
    at = next_look(watch, world.source_poll)
    return at is None or at <= world.now()


async def _due(world: World, watch: Watch) -> Due | None:
    task = await task_rows.get(world, watch.registry, watch.task)
    document = world.unseal(task.document) if task else {}
    trigger = next((each for each in source_triggers.of_task(document) if each.name == watch.trigger), None)
    if task is None or trigger is None or not source_rows.is_for(watch, trigger):
        await source_rows.arrange(world, watch.registry, watch.task, task)
        return None
    if COMMIT not in trigger.kinds or not tasks.step(document):
        return None
    return Due(task, trigger, watch, source_triggers.token(document, trigger.name))


async def _look(world: World, dues: Sequence[Due]) -> None:
    """Ask one repository for the branches of some triggers."""
    names = sorted({due.trigger.branch for due in dues if due.trigger.branch})
    try:
        heads = await world.sources.heads(dues[0].trigger.url, dues[0].token, names)
    except Failure as failure:
        for due in dues:
            await _failed(world, due, str(failure))
        return
    faults = []
    for due in dues:
        try:
            await _found(world, due, heads)
        except Exception as fault:
            log.exception("task %s, trigger %s failed", due.task.name, due.trigger.name)
            faults.append(fault)
    if faults:
        raise ExceptionGroup("commits could not be built", faults)


async def _found(world: World, due: Due, heads: Heads) -> None:
    trigger, watch, now = due.trigger, due.watch, world.now().isoformat()
    branch = trigger.branch
    if branch is None or (branch not in heads.commits and trigger.filled_in):
        branch = heads.default
    commit = heads.commits.get(branch or "")
    if branch is None or commit is None:
        await _failed(world, due, f"the repository {trigger.url} has no branch '{trigger.branch or 'HEAD'}'")
        return
    new = bool(watch.heads) and watch.heads[-1] != commit
    returned = new and commit in watch.heads
    if new:
        current = await source_rows.get(world, watch)
        if current is None or current.heads != watch.heads:
            return  # another look was faster, and may know better
        await _build(world, due, SourceEvent(COMMIT, (trigger.repository,), branch, commit), returned=returned)
    untold = new and watch.heard and watch.told != commit

    def looked(stored: Watch) -> Watch:
        if stored.heads != watch.heads:
            return stored
        seen = source_rows.looked(stored, commit, returned=returned)
        missed = now if untold else stored.missed
        return replace(seen, looked=now, follows=branch, problem="", failures=0, missed=missed)

    await source_rows.note(world, watch, looked)


async def _build(world: World, due: Due, event: SourceEvent, *, returned: bool) -> None:
    """Build a commit. One that the branch was at before is built again: its images are those of another by now."""
    if tasks.enabled(due.task.document):
        again = f"#{due.watch.returns + 1}" if returned else ""
        run = await build_commit(world, due.task, due.trigger, event, key(due.trigger, event) + again)
        log.info("task %s: run %s for commit %s of %s", due.task.name, run.id, event.commit, event.branch)
    await scan_again(world, due.task, [event])


async def _failed(world: World, due: Due, problem: str) -> None:
    log.warning("task %s, trigger %s: %s", due.task.name, due.trigger.name, problem)
    now = world.now().isoformat()
    await source_rows.note(
        world, due.watch, lambda stored: replace(stored, looked=now, problem=problem, failures=stored.failures + 1)
    )
