"""A whole Baselift in memory: its tasks, its tables, and the builds that stand in for real ones."""

import copy
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from baselift.app import edges, task_rows
from baselift.app.registrations import Registration, Registrations
from baselift.app.task_rows import Edges, StoredTask
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.runs import BaseUse, ImageDescriptor
from baselift.domain.waves.states import Policy
from baselift.memory.store import MemoryStore
from simulator.graphs import HOST, REGISTRY, Image, reference
from simulator.parts import Clock, Faults, Process, Registry

LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Stage:
    """A store with the tasks of a graph and the digests of their bases, to begin simulations from."""

    store: MemoryStore
    tags: Mapping[str, str]
    seconds: Mapping[str, float]
    """How long the build of each image takes."""


async def stage(graph: Mapping[str, Image], seconds: Mapping[str, float], *, runtime_only: bool) -> Stage:
    """Create a task for each image, scanned, as if each had been built on what its bases are."""
    clock, registry = Clock(), Registry()
    names = {base for image in graph.values() for base, _ in image.bases} | graph.keys()
    registry.tags = {reference(name): digest(name) for name in names}
    store = MemoryStore(clock)
    world = new_world(store, clock, registry, Policy(), lambda: "")
    for image in graph.values():
        known = Edges(seconds=seconds[image.name])
        task = StoredTask(REGISTRY, image.name, _document(image, runtime_only=runtime_only), known, 1, "")
        stored = await task_rows.insert(world, task)
        uses = [BaseUse(kind, _descriptor(reference(base), registry), 1) for base, kind in image.bases]
        await edges.record(world, stored, uses, built=False)
    return Stage(store, registry.tags, seconds)


def copied(staged: Stage, clock: Clock) -> MemoryStore:
    """A store of its own for one simulation. Rows are never changed in place, so they need no copies."""
    store = MemoryStore(clock)
    for name, table in staged.store._tables.items():  # noqa: SLF001
        own = copy.copy(table)
        own.rows, own.order = dict(table.rows), list(table.order)
        store._tables[name] = own  # noqa: SLF001
    return store


def new_world(store: MemoryStore, clock: Clock, registry: Registry, policy: Policy, token: Any) -> World:
    """A world on these parts; nothing in it builds anything."""
    secrets = {HOST: {"userName": {"value": "user"}, "password": {"value": "word"}}}
    registered = Registration(REGISTRY, "local", HOST, secrets=secrets)
    absent = cast("Any", None)
    return World(
        tables=store,
        queues=store,
        blobs=store,
        registries=cast("Any", registry),
        sources=absent,
        vault=absent,
        identities=absent,
        engine=absent,
        containers=absent,
        seal=dict,
        unseal=dict,
        now=clock,
        token=token,
        scratch=Path(),
        registrations=Registrations(store, [registered], dict, clock),
        lease=LEASE,
        poll=1e6,
        waves=policy,
    )


def process(world: World, faults: Faults, *, mortal: bool) -> World:
    """The world as one process has it."""
    if not faults.rate:
        return world
    store = cast("Any", Process(world.tables, faults, mortal=mortal))
    return replace(world, tables=store, queues=store, blobs=store)


def digest(*parts: str) -> str:
    """A digest that says what it was made of."""
    return "sha256:" + hashlib.sha256("|".join(parts).encode()).hexdigest()


@contextmanager
def quiet() -> Iterator[None]:
    """Crashes and lost messages are what a simulation is for: they are counted, not logged."""
    logger = logging.getLogger("baselift")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _descriptor(text: str, registry: Registry) -> ImageDescriptor:
    image = images.parse(text)
    return ImageDescriptor(image.registry, image.repository, image.tag, registry.tags[text])


def _document(image: Image, *, runtime_only: bool) -> dict[str, Any]:
    kind = "Runtime" if runtime_only else "All"
    return {
        "name": image.name,
        "properties": {
            "status": "Enabled",
            "platform": {"os": "linux", "architecture": "amd64"},
            "step": {"type": "Docker", "imageNames": [reference(image.name)], "dockerFilePath": "Dockerfile"},
            "trigger": {"baseImageTrigger": {"name": "base", "baseImageTriggerType": kind, "status": "Enabled"}},
        },
    }


def followed(image: Image, *, runtime_only: bool) -> Sequence[str]:
    """The bases whose movements rebuild the image."""
    return [base for base, kind in image.bases if kind == "Runtime" or not runtime_only]
