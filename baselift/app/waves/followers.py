"""What waits to be done to a task: one row for each that waits in a wave, is being started, or failed last.

The row says in which waves the task waits, so that a movement finds out, without looking at waves, that the task will
be built anyway. It is also the one place at which starts of a task are put in order: a member starts by taking the row
(`starting`), and whoever finds it taken completes that start first. So two waves never build a task for one movement.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from baselift.app import keys
from baselift.app.ports import WHOLE, Conflict, Row, Stale, Value
from baselift.app.world import World
from baselift.domain.waves.limits import CLOSED, Breaker

FOLLOWERS = "followers"


@dataclass(frozen=True, slots=True)
class Place:
    """A member of a wave: the wave's partition and the member's number."""

    plan: str
    number: int


@dataclass(frozen=True, slots=True)
class Follower:
    """A task's row as read; a task without one has nothing to wait for."""

    registry: str
    task: str
    waits: Sequence[Place] = ()
    """Where it is a member that was not started."""
    starting: Place | None = None
    """The member that is being started."""
    breaker: Breaker = CLOSED
    etag: str = ""

    def without(self, place: Place) -> "Follower":
        """The row after the task waits there no more."""
        return replace(self, waits=tuple(each for each in self.waits if each != place))


async def get(world: World, registry: str, task: str) -> Follower:
    """The task's row, empty where there is none."""
    row = await world.tables.get(FOLLOWERS, keys.task_partition(registry, task), task.lower())
    return Follower(registry, task) if row is None else _decode(row)


async def every(world: World, registry: str) -> AsyncIterator[Follower]:
    """The rows of a registry's tasks."""
    async for row in world.tables.query(FOLLOWERS, partitions=keys.of_registry(registry), ahead=WHOLE):
        yield _decode(row)


async def save(world: World, before: Follower, after: Follower) -> Follower:
    """Write the row if nobody wrote it since it was read. Raises Stale or Conflict."""
    if replace(after, etag=before.etag) == before:
        return before
    row = _encode(replace(after, etag=before.etag))
    if not after.waits and after.starting is None and after.breaker == CLOSED:
        if before.etag:
            await world.tables.delete(FOLLOWERS, row.partition, row.key, before.etag)
        return replace(after, etag="")
    written = world.tables.replace(FOLLOWERS, row) if before.etag else world.tables.insert(FOLLOWERS, row)
    return replace(after, etag=await written)


async def change(
    world: World, registry: str, task: str, to: Callable[[Follower], Follower], known: Follower | None = None
) -> None:
    """Change the row, again and again until nobody is in between. `known` is the row where it was read just now."""
    while True:
        before, known = known or await get(world, registry, task), None
        try:
            await save(world, before, to(before))
        except (Conflict, Stale):
            continue
        return


async def touch(world: World, follower: Follower) -> None:
    """Write the row as it was read, so that whoever read it before finds it changed. Raises Stale."""
    await world.tables.replace(FOLLOWERS, _encode(follower))


async def wait(world: World, registry: str, task: str, place: Place, known: Follower | None = None) -> None:
    """Note that the task waits at a place; `known` as in `change`."""
    await change(
        world,
        registry,
        task,
        lambda row: row if place in row.waits else replace(row, waits=(*row.waits, place)),
        known,
    )


async def leave(world: World, registry: str, task: str, place: Place) -> None:
    """The task waits there no more."""
    await change(world, registry, task, lambda row: row.without(place))


async def succeeded(world: World, registry: str, task: str) -> None:
    """A run of the task succeeded, whatever asked for it: its breaker closes."""
    await change(world, registry, task, lambda row: replace(row, breaker=CLOSED))


def _encode(follower: Follower) -> Row:
    breaker = follower.breaker
    values: dict[str, Value] = {
        "registry": follower.registry,
        "task": follower.task,
        "waits": json.dumps([_pair(place) for place in follower.waits]),
        "starting": json.dumps(_pair(follower.starting) if follower.starting else None),
        "failures": breaker.failures,
        "until": breaker.until.isoformat() if breaker.until else "",
    }
    return Row(keys.task_partition(follower.registry, follower.task), follower.task.lower(), values, follower.etag)


def _decode(row: Row) -> Follower:
    starting, until = json.loads(row.text("starting")), row.text("until")
    return Follower(
        registry=row.text("registry"),
        task=row.text("task"),
        waits=tuple(Place(*pair) for pair in json.loads(row.text("waits"))),
        starting=Place(*starting) if starting else None,
        breaker=Breaker(row.number("failures"), datetime.fromisoformat(until) if until else None),
        etag=row.etag,
    )


def _pair(place: Place) -> tuple[str, int]:
    return place.plan, place.number
