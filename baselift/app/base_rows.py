"""Watched bases and their dependents in tables.

A base is known by its canonical reference, whatever registry's tasks depend on it. The dependent's row is also the
claim: (base, generation, task) makes one run, and the row says which.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime

from baselift.app import keys
from baselift.app.ports import Conflict, Row, Stale, Value
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.images import Reference
from baselift.domain.staleness import Base, Dependent

BASES, DEPENDENTS = "bases", "dependents"


@dataclass(frozen=True, slots=True)
class StoredBase:
    """A base as read. `fanning` means that a movement was recorded and its dependents are not all asked yet."""

    base: Base
    moved: str
    """RFC 3339 time of the last movement."""
    fanning: bool
    shards: int
    etag: str


@dataclass(frozen=True, slots=True)
class StoredDependent:
    """An edge as read. `seq` is the run that its generation made, 0 when none."""

    edge: Dependent
    seq: int
    prefix: str
    etag: str


async def get(world: World, image: Reference) -> StoredBase | None:
    """The watched base; None when no task depends on it."""
    row = await world.tables.get(BASES, keys.base_partition(str(image)), str(image))
    return None if row is None else _base(row)


async def every(world: World) -> AsyncIterator[StoredBase]:
    """All watched bases."""
    async for row in world.tables.query(BASES):
        yield _base(row)


async def watch(world: World, image: Reference, digest: str) -> StoredBase:
    """Have the base watched, from `digest` on when it was not watched before.

    Writes in any case: whoever was about to remove the row, because it had no dependents, finds it changed.
    """
    while True:
        stored = await get(world, image)
        try:
            if stored is None:
                base = Base(image, digest, 1)
                row = _base_row(base, world.now().isoformat(), fanning=False, shards=1, etag="")
                return StoredBase(base, "", fanning=False, shards=1, etag=await world.tables.insert(BASES, row))
            return await save(world, stored)
        except (Conflict, Stale):
            continue


async def save(world: World, stored: StoredBase) -> StoredBase:
    """Write the base if nobody wrote it since it was read. Raises Stale."""
    row = _base_row(stored.base, stored.moved, fanning=stored.fanning, shards=stored.shards, etag=stored.etag)
    return replace(stored, etag=await world.tables.replace(BASES, row))


async def forget(world: World, stored: StoredBase) -> None:
    """Stop watching a base that nobody touched since it was read. Raises Stale."""
    image = str(stored.base.image)
    await world.tables.delete(BASES, keys.base_partition(image), image, stored.etag)


def moved(stored: StoredBase, digest: str, at: datetime) -> StoredBase:
    """The base after a movement to `digest`."""
    base = replace(stored.base, digest=digest, generation=stored.base.generation + 1)
    return replace(stored, base=base, moved=at.isoformat(), fanning=True)


async def dependents(world: World, image: Reference) -> AsyncIterator[StoredDependent]:
    """Every edge to the base."""
    async for row in world.tables.query(DEPENDENTS, partition=keys.dependents_partition(str(image))):
        if row.values["image"] == str(image):
            yield _dependent(row)


async def dependent(world: World, image: Reference, registry: str, task: str) -> StoredDependent | None:
    """The edge from one task to the base."""
    partition, key = keys.dependents_partition(str(image)), keys.dependent(registry, task)
    row = await world.tables.get(DEPENDENTS, partition, key)
    return None if row is None else _dependent(row)


async def add_dependent(world: World, image: Reference, edge: Dependent) -> None:
    """Store a new edge. Raises Conflict when it exists."""
    await world.tables.insert(DEPENDENTS, _dependent_row(image, StoredDependent(edge, 0, "", "")))


async def save_dependent(world: World, image: Reference, stored: StoredDependent) -> None:
    """Write the edge if nobody wrote it since it was read. Raises Stale."""
    await world.tables.replace(DEPENDENTS, _dependent_row(image, stored))


async def remove_dependent(world: World, image: Reference, registry: str, task: str) -> None:
    """Remove the edge from one task; one that is gone is no error."""
    partition, key = keys.dependents_partition(str(image)), keys.dependent(registry, task)
    await world.tables.delete(DEPENDENTS, partition, key)


def _base_row(base: Base, at: str, *, fanning: bool, shards: int, etag: str) -> Row:
    values: dict[str, Value] = {
        "digest": base.digest,
        "generation": base.generation,
        "moved": at,
        "fanning": fanning,
        "shards": shards,
    }
    return Row(keys.base_partition(str(base.image)), str(base.image), values, etag)


def _base(row: Row) -> StoredBase:
    values = row.values
    base = Base(images.parse(row.key), row.text("digest"), row.number("generation"))
    shards = row.number("shards")
    return StoredBase(base, row.text("moved"), fanning=bool(values["fanning"]), shards=shards, etag=row.etag)


def _dependent_row(image: Reference, stored: StoredDependent) -> Row:
    edge = stored.edge
    values: dict[str, Value] = {
        "image": str(image),
        "registry": edge.registry,
        "task": edge.task,
        "kind": edge.kind,
        "digest": edge.digest,
        "generation": edge.generation,
        "seq": stored.seq,
        "prefix": stored.prefix,
    }
    partition, key = keys.dependents_partition(str(image)), keys.dependent(edge.registry, edge.task)
    return Row(partition, key, values, stored.etag)


def _dependent(row: Row) -> StoredDependent:
    text = {name: str(row.values[name]) for name in ("registry", "task", "kind", "digest")}
    edge = Dependent(**text, generation=row.number("generation"))
    return StoredDependent(edge, row.number("seq"), row.text("prefix"), row.etag)
