"""Every decision about a moved base is kept, "no" included: what was heard, from where to where the base moved, why.

So is that a push to a source starts nothing; what it starts, the run tells.
A task's decisions are kept under the task; what concerns a base whatever its dependents (nothing moved, a new tag, a
registry that does not answer) under the image. A row's key is what was decided about, so deliveries that repeat an
event are counted on one row. Rows are derived: they follow the decision, and a decision made again writes them again.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from baselift.app import keys
from baselift.app.base_rows import StoredBase, StoredDependent
from baselift.app.ports import Conflict, Row, Stale, Value
from baselift.app.world import World
from baselift.domain.images import Reference
from baselift.domain.staleness import Verdict
from baselift.domain.waves.states import Moved

TASKS, IMAGES = "reasons", "imagereasons"
LIMIT = 500
"""Rows read of one history."""
EVENTS = ("event", "webhook")
"""How the names of tellers begin that are events."""
RECONCILER, SCAN, RUN_END, WAVE = "reconciler", "scan", "run end", "wave"
_LAST = 9_999_999_999_999

_teller: ContextVar[str] = ContextVar("teller", default="person")


@dataclass(frozen=True, slots=True)
class Reason:
    """One decision as kept. Times are RFC 3339."""

    at: str
    """When it was first decided so."""
    last: str
    """When it was last decided so."""
    count: int
    """How often it was decided so."""
    source: str
    """Who told first: `event` or `webhook` and dialect, `reconciler`, `scan`, `run end`, `wave`, `timer`, `person`."""
    base: str
    """Canonical reference of the base, or of the image that was pushed; of a source, ``repository#branch``."""
    before: str
    """The digest that the task stood on, or the base had; empty when not known."""
    after: str
    """The digest that the base has now; empty when not known."""
    generation: int
    """The base's generation that was decided about."""
    fire: bool
    rule: str
    """One of `baselift.domain.edges.rules.RULES`."""
    text: str
    """For people."""
    registry: str = ""
    task: str = ""
    run: str = ""
    wave: str = ""


@contextmanager
def told_by(source: str) -> Iterator[None]:
    """Whatever is decided inside was heard from `source`: see `Reason.source`."""
    token = _teller.set(source)
    try:
        yield
    finally:
        _teller.reset(token)


def teller() -> str:
    """Who told of what is being decided."""
    return _teller.get()


async def decided(world: World, stored: StoredBase, dependent: StoredDependent, verdict: Verdict) -> None:
    """Keep a verdict about one dependent by which nothing is built."""
    edge, base = dependent.edge, stored.base
    if verdict.rule == "current" and base.generation <= 1:
        # It never moved: nothing was decided about.
        return
    reason = _new(
        world,
        base=str(base.image),
        before=edge.built or edge.digest,
        after=base.digest,
        generation=base.generation,
        fire=verdict.fire,
        rule=verdict.rule,
        text=verdict.text,
        registry=edge.registry,
        task=edge.task,
    )
    await _keep(world, TASKS, keys.task_runs_partition(edge.registry, edge.task), stored.moved, reason)


async def started(world: World, registry: str, task: str, moved: Moved, run: str, wave: str) -> None:
    """Keep that a moved base starts a run: written once the run is decided, before it is entered."""
    reason = _new(
        world,
        base=moved.image,
        before=moved.before,
        after=moved.digest,
        generation=moved.generation,
        fire=True,
        rule="moved",
        text=f"{moved.image} moved from {moved.before} to {moved.digest}",
        registry=registry,
        task=task,
        run=run,
        wave=wave,
    )
    await _keep(world, TASKS, keys.task_runs_partition(registry, task), moved.at, reason)


async def noticed(world: World, stored: StoredBase, rule: str, text: str) -> None:
    """Keep what was seen of a watched base that did not move."""
    base = stored.base
    await _about(world, base.image, stored.moved, base.digest, base.generation, rule, text)


async def not_followed(world: World, image: Reference, text: str) -> None:
    """Keep that a tag was pushed which no task follows, beside others of its repository that are followed."""
    await _about(world, image, _today(world), "", 0, "new-tag", text)


async def source_ignored(world: World, registry: str, task: str, source: str, text: str) -> None:
    """Keep that something happened to a source which starts no run of the task: of each branch one row a day.

    `source`: ``repository#branch``.
    """
    reason = _new(
        world,
        base=source,
        before="",
        after="",
        generation=0,
        fire=False,
        rule="source-ignored",
        text=text,
        registry=registry,
        task=task,
    )
    await _keep(world, TASKS, keys.task_runs_partition(registry, task), _today(world), reason)


async def of_task(world: World, registry: str, task: str, limit: int = LIMIT) -> list[Reason]:
    """What was decided about a task, the latest first; of a long history the latest movements only."""
    found = await _read(world, TASKS, keys.task_runs_partition(registry, task), limit)
    return [reason for reason in found if reason.task.lower() == task.lower()]


async def of_image(world: World, image: Reference, limit: int = LIMIT) -> list[Reason]:
    """What was noticed about a tag, the latest first."""
    found = await _read(world, IMAGES, keys.short(str(image), 8), limit) + await new_tags(world, image, limit)
    return [reason for reason in found if reason.base == str(image)]


async def new_tags(world: World, image: Reference, limit: int = LIMIT) -> list[Reason]:
    """Tags that were pushed to the image's repository and that no task follows, the latest first."""
    found = await _read(world, IMAGES, keys.short(image.name, 8), limit)
    return [reason for reason in found if reason.rule == "new-tag" and reason.base.startswith(f"{image.name}:")]


async def _about(
    world: World, image: Reference, since: str, digest: str, generation: int, rule: str, text: str
) -> None:
    reason = _new(
        world,
        base=str(image),
        before=digest,
        after=digest,
        generation=generation,
        fire=False,
        rule=rule,
        text=text,
    )
    subject = image.name if rule == "new-tag" else str(image)
    await _keep(world, IMAGES, keys.short(subject, 8), since, reason)


def _today(world: World) -> str:
    return world.now().replace(hour=0, minute=0, second=0, microsecond=0).isoformat()


def _new(world: World, **facts: Any) -> Reason:
    """A decision that is made now, for the first time, because of who told."""
    now = world.now().isoformat()
    return Reason(at=now, last=now, count=1, source=teller(), **facts)


async def _keep(world: World, table: str, partition: str, since: str, reason: Reason) -> None:
    """Insert the reason, or count it on the row that says the same. A count that another writes meanwhile is not."""
    key = _key(since, reason)
    try:
        await world.tables.insert(table, Row(partition, key, _values(reason)))
    except Conflict:
        row = await world.tables.get(table, partition, key)
        if row is not None:
            with suppress(Stale):
                await world.tables.replace(table, replace(row, values=_values(_again(_reason(row), reason))))


def _again(kept: Reason, now: Reason) -> Reason:
    return replace(kept, last=now.last, count=kept.count + 1, text=now.text)


def key_before(at: datetime) -> str:
    """The first key of what was decided about before a time: later keys are of movements before it, or of none."""
    return f"{_LAST - int(at.timestamp() * 1000):013d}"


def _key(since: str, reason: Reason) -> str:
    """What was decided about, the latest movement first; each attempt to build for a movement is one of its own."""
    age = _LAST - int(datetime.fromisoformat(since).timestamp() * 1000) if since else _LAST
    about = keys.short(f"{reason.task.lower()}|{reason.base}", 8)
    return f"{age:013d}|{about}|{reason.generation}|{reason.rule}|{reason.run}"


async def _read(world: World, table: str, partition: str, limit: int) -> list[Reason]:
    found: list[Reason] = []
    async for row in world.tables.query(table, partition=partition):
        found.append(_reason(row))
        if len(found) == limit:
            break
    return sorted(found, key=lambda reason: reason.last, reverse=True)


def _values(reason: Reason) -> dict[str, Value]:
    return asdict(reason)


def _reason(row: Row) -> Reason:
    return Reason(**{field.name: row.values[field.name] for field in fields(Reason)})  # type: ignore[arg-type]
