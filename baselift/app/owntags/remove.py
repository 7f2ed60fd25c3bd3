"""Take tags out of one repository, and nothing else with them.

A registry that deletes single tags is asked for that. Another one deletes images with all their tags: there an image
goes when every tag of the repository that leads to it is to go, and as long as that is not known, it stays.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from baselift.app import base_rows, run_rows
from baselift.app.owntags import rows
from baselift.app.owntags.rows import Remembered
from baselift.app.ports import RegistryFailure
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain.builds import Credential, Failure
from baselift.domain.images import Reference

DELETIONS = 100
"""Tags of a repository that are taken care of in one round."""
IMAGES = 20
"""Images deleted after one look at all tags: that must not be long ago."""
MOST = 1000
"""Tags of a repository that are looked at in order to know whether an image has other names."""
REFUSALS = 3
"""Refused deletions after which a registry is asked for no more in this round."""
_RUNS = 10
"""Newest runs of a task that must be over before an image is deleted: a task has one going on."""
_AGAIN, _RARELY = timedelta(hours=1), timedelta(days=1)
_SINGLE = "the registry deletes no single tag"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Place:
    """A repository as a task pushes to it."""

    task: StoredTask
    repository: Reference
    credential: Credential | None
    refusals: list[Failure] = field(default_factory=list)
    """What the registry would not delete, and why."""

    async def refused(self, world: World, several: Sequence[Remembered], failure: Failure) -> None:
        """Leave what the registry would not delete, a locked tag perhaps; the others may well go.

        Raises:
            Failure: this one, where the others would fare no better.
        """
        if isinstance(failure, RegistryFailure) and failure.transient:
            raise failure
        await _all_later(world, several, str(failure))
        self.refusals.append(failure)
        if len(self.refusals) == REFUSALS:
            raise failure


async def remove(
    world: World, task: StoredTask, repository: Reference, going: Sequence[Remembered], credential: Credential | None
) -> bool:
    """Delete tags that are to go; True when there is more to do at once.

    Args:
        world: the world.
        task: whose runs pushed them.
        repository: where they are.
        going: all of the task's that are to go, whether it is time to look at them or not; none that was moved.
        credential: of the task's pushes.

    Raises:
        Failure: the registry is away, or refused one of them.
    """
    place, now = _Place(task, repository, credential), world.now().timestamp()
    # The oldest first: what a newer run pushed may still be wanted.
    due = [each for each in reversed(going) if each.due <= now]
    more = len(due) > DELETIONS
    for each in due[:DELETIONS]:
        if not await _untag(world, place, each):
            more = await _by_image(world, place, going)
            break
    if place.refusals:
        raise place.refusals[0]
    return more


async def _untag(world: World, place: _Place, each: Remembered) -> bool:
    """Take care of one tag; False where the registry deletes no single tags."""
    if why := await _held(world, place.task, each):
        await _later(world, each, why)
        return True
    if await _still_ours(world, each, await world.registries.digest(each.tag.image, place.credential)):
        try:
            if not await world.registries.untag(each.tag.image, place.credential):
                return False
        except Failure as failure:
            await place.refused(world, [each], failure)
            return True
        await _gone(world, place.task, each)
    return True


async def _by_image(world: World, place: _Place, going: Sequence[Remembered]) -> bool:
    now = world.now().timestamp()
    newest = await _quiet(world, place.task)
    if newest is None:
        return False
    standing = await world.registries.standing(place.repository, MOST, place.credential)
    if standing is None:
        due = [each for each in going if each.due <= now][:DELETIONS]
        await _all_later(world, due, f"{_SINGLE}, and there are more than {MOST} to look at before an image goes")
        return False
    digests = list(dict.fromkeys(each.tag.digest for each in reversed(going) if each.due <= now))
    for digest in digests[:IMAGES]:
        same = [each for each in going if each.tag.digest == digest]
        ours = [each for each in same if await _still_ours(world, each, next(iter(_of(standing, each)), None))]
        if not ours:
            continue
        if why := await _needed(world, place.task, ours, standing):
            await _all_later(world, ours, why)
            continue
        if await _quiet(world, place.task) != newest:
            # A run that builds the same image again may be about to put its tag.
            return False
        await _delete(world, place, ours)
    return len(digests) > IMAGES


async def _delete(world: World, place: _Place, ours: Sequence[Remembered]) -> None:
    """Delete the image that all of `ours` are at."""
    try:
        await world.registries.delete(place.repository.at(ours[0].tag.digest), place.credential)
    except Failure as failure:
        await place.refused(world, ours, failure)
        return
    for each in ours:
        await _gone(world, place.task, each)


async def _needed(
    world: World, task: StoredTask, ours: Sequence[Remembered], standing: Mapping[str, Sequence[str]]
) -> str:
    """Why an image has to stay; empty when nothing is known that needs it."""
    names = {each.tag.image.tag for each in ours}
    for tag, digests in sorted(standing.items()):
        if ours[0].tag.digest in digests and tag not in names:
            return f"{_SINGLE}, and tag '{tag}', which stays, needs the same image"
    for each in ours:
        if why := await _held(world, task, each):
            return why if len(ours) == 1 else f"{_SINGLE}, and of '{each.tag.image.tag}', the same image: {why}"
    return ""


def _of(standing: Mapping[str, Sequence[str]], each: Remembered) -> Sequence[str]:
    return standing.get(each.tag.image.tag or "", ())


async def _quiet(world: World, task: StoredTask) -> int | None:
    """The task's newest run, 0 when there is none; None while one of the newest goes on."""
    newest, left = 0, _RUNS
    async for run in run_rows.newest_of_task(world, task.registry, task.name):
        newest, left = newest or run.seq, left - 1
        if not run.status.final:
            return None
        if not left:
            break
    return newest


async def _held(world: World, task: StoredTask, each: Remembered) -> str:
    """Why the tag is not to be deleted after all; empty when nothing speaks against it."""
    stored = await run_rows.by_seq(world, task.registry, each.tag.seq)
    if stored is not None and stored.run.archived:
        return f"run {each.tag.run} is archived"
    async for dependent in base_rows.dependents(world, each.tag.image):
        return f"task '{dependent.edge.task}' is built on it"
    return ""


async def _still_ours(world: World, each: Remembered, digest: str | None) -> bool:
    """True where the tag is at the image that the run gave it; else what became of it is remembered."""
    if digest == each.tag.digest:
        return True
    if digest is None:
        await rows.forget(world, each)
    else:
        why = f"somebody moved it to {digest}: it is not the task's any more"
        await rows.save(world, replace(each, moved=True, why=why))
    return False


async def _gone(world: World, task: StoredTask, each: Remembered) -> None:
    log.info("%s of run %s was deleted: task %s keeps %d", each.tag.image, each.tag.run, task.name, task.keep)
    await rows.forget(world, each)


async def _all_later(world: World, several: Sequence[Remembered], why: str) -> None:
    for each in several:
        await _later(world, each, why)


async def _later(world: World, each: Remembered, why: str) -> None:
    pause = min(_RARELY, _AGAIN * (1 << min(each.tries, 10)))
    due = (world.now() + pause).timestamp()
    await rows.save(world, replace(each, why=why, due=due, tries=each.tries + 1))
