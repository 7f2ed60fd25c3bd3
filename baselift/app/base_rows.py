"""Watched bases and their dependents in tables.

A base is known by its canonical reference, whatever registry's tasks depend on it. The dependent's row is also the
claim: (base, generation, task) makes one run, and the row says which. The edges to a base are spread over 64 partitions
that follow each other, so that one query reads them all, and writes to one base are not held up by a single partition.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from baselift.app import codec, keys
from baselift.app.ports import WHOLE, Conflict, Row, Stale, Value
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.images import Reference
from baselift.domain.settling import Settling
from baselift.domain.staleness import Base, Dependent

BASES, DEPENDENTS = "bases", "dependents"


@dataclass(frozen=True, slots=True)
class StoredBase:
    """A base as read. `fanning` means that a movement was recorded and its dependents are not all asked yet."""

    base: Base
    moved: str
    """RFC 3339 time of the last movement."""
    fanning: bool
    etag: str
    settling: Settling | None = None
    """A movement of an index that is not decided yet."""
    opener: str = ""
    """``registry|task`` of a task that has a login for the base's registry; empty when none is known."""
    overtaken: bool = False
    """A task took the tag at another digest while the row was at this one: wherever the tag is now, it moved."""
    trace: str = ""
    """Place in a trace of who told of the last movement, as a W3C `traceparent`; empty where nobody traces."""


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
    async for row in world.tables.query(BASES, ahead=WHOLE):
        yield _base(row)


async def watch(world: World, image: Reference, digest: str, opener: str = "", *, taken_at: int = 0) -> StoredBase:
    """Have the base watched, from `digest` on when it was not watched before; `opener` as in `StoredBase`, if known.

    `taken_at`: the generation that the base had when the tag was taken at `digest`; 0 when it is not known.
    Writes in any case: whoever was about to remove the row, because it had no dependents, finds it changed.
    """
    while True:
        stored = await get(world, image)
        try:
            if stored is None:
                base = Base(image, digest, 1)
                stored = StoredBase(base, world.now().isoformat(), fanning=False, etag="", opener=opener)
                return replace(stored, etag=await world.tables.insert(BASES, _base_row(stored)))
            overtaken = stored.overtaken or (stored.base.generation == taken_at and stored.base.digest != digest)
            return await save(world, replace(stored, opener=opener or stored.opener, overtaken=overtaken))
        except (Conflict, Stale):
            continue


async def save(world: World, stored: StoredBase) -> StoredBase:
    """Write the base if nobody wrote it since it was read. Raises Stale."""
    return replace(stored, etag=await world.tables.replace(BASES, _base_row(stored)))


async def forget(world: World, stored: StoredBase) -> None:
    """Stop watching a base that nobody touched since it was read. Raises Stale."""
    image = str(stored.base.image)
    await world.tables.delete(BASES, keys.base_partition(image), image, stored.etag)


def moved(stored: StoredBase, digest: str, at: datetime, manifests: Mapping[str, str]) -> StoredBase:
    """The base after a movement to `digest`; `manifests` as in `Base`."""
    base = replace(stored.base, digest=digest, generation=stored.base.generation + 1, manifests=manifests)
    return replace(stored, base=base, moved=at.isoformat(), fanning=True, settling=None, overtaken=False)


async def dependents(world: World, image: Reference) -> AsyncIterator[StoredDependent]:
    """Every edge to the base."""
    async for row in world.tables.query(DEPENDENTS, partitions=keys.dependents_partitions(str(image))):
        if row.values["image"] == str(image):
            yield _dependent(row)


async def all_dependents(world: World, image: Reference) -> list[StoredDependent]:
    """Every edge to the base, at once."""
    return [each async for each in dependents(world, image)]


async def every_dependent(world: World) -> AsyncIterator[tuple[str, StoredDependent]]:
    """Every edge there is, with the canonical reference of its base."""
    async for row in world.tables.query(DEPENDENTS):
        yield row.text("image"), _dependent(row)


async def dependent(world: World, image: Reference, registry: str, task: str) -> StoredDependent | None:
    """The edge from one task to the base."""
    key = keys.dependent(registry, task)
    row = await world.tables.get(DEPENDENTS, keys.dependents_partition(str(image), keys.shard(key)), key)
    return None if row is None else _dependent(row)


async def add_dependent(world: World, image: Reference, edge: Dependent) -> None:
    """Store a new edge. Raises Conflict when it exists."""
    await world.tables.insert(DEPENDENTS, _dependent_row(image, StoredDependent(edge, 0, "", "")))


async def save_dependent(world: World, image: Reference, stored: StoredDependent) -> None:
    """Write the edge if nobody wrote it since it was read. Raises Stale."""
    await world.tables.replace(DEPENDENTS, _dependent_row(image, stored))


async def remove_dependent(world: World, image: Reference, registry: str, task: str) -> None:
    """Remove the edge from one task; one that is gone is no error."""
    key = keys.dependent(registry, task)
    await world.tables.delete(DEPENDENTS, keys.dependents_partition(str(image), keys.shard(key)), key)


def _base_row(stored: StoredBase) -> Row:
    base = stored.base
    values: dict[str, Value] = {
        "digest": base.digest,
        "generation": base.generation,
        "manifests": json.dumps(dict(base.manifests), separators=(",", ":")),
        "moved": stored.moved,
        "fanning": stored.fanning,
        "opener": stored.opener,
        "overtaken": stored.overtaken,
        "settling": codec.dump(stored.settling) if stored.settling else "",
    }
    if stored.trace:
        values["trace"] = stored.trace
    return Row(keys.base_partition(str(base.image)), str(base.image), values, stored.etag)


def _base(row: Row) -> StoredBase:
    values = row.values
    manifests = json.loads(str(values.get("manifests", "{}")))
    base = Base(images.parse(row.key), row.text("digest"), row.number("generation"), manifests)
    pending = str(values.get("settling", ""))
    settling = codec.load(Settling, pending) if pending else None
    return StoredBase(
        base=base,
        moved=row.text("moved"),
        fanning=bool(values["fanning"]),
        etag=row.etag,
        settling=settling,
        opener=str(values.get("opener", "")),
        overtaken=bool(values.get("overtaken")),
        trace=str(values.get("trace", "")),
    )


def _dependent_row(image: Reference, stored: StoredDependent) -> Row:
    edge = stored.edge
    values: dict[str, Value] = {
        "image": str(image),
        "registry": edge.registry,
        "task": edge.task,
        "kind": edge.kind,
        "digest": edge.digest,
        "generation": edge.generation,
        "pinned": edge.pinned,
        "built": edge.built,
        "manifests": json.dumps(dict(edge.manifests), separators=(",", ":")),
        "seq": stored.seq,
        "prefix": stored.prefix,
    }
    key = keys.dependent(edge.registry, edge.task)
    return Row(keys.dependents_partition(str(image), keys.shard(key)), key, values, stored.etag)


def _dependent(row: Row) -> StoredDependent:
    text = {name: str(row.values[name]) for name in ("registry", "task", "kind", "digest")}
    pinned, built = bool(row.values.get("pinned")), str(row.values.get("built", ""))
    manifests = json.loads(str(row.values.get("manifests", "{}")))
    edge = Dependent(**text, generation=row.number("generation"), pinned=pinned, built=built, manifests=manifests)
    return StoredDependent(edge, row.number("seq"), row.text("prefix"), row.etag)
