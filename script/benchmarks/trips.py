"""Storage round trips that a member of a wave costs which succeeded.

Counted on the in-memory store by a loop whose time passes only while all wait for storage: what is asked for side by
side is one round trip.
"""

import asyncio
import selectors
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any, cast

from simulator.graphs import REGISTRY, Image, reference
from simulator.parts import Clock, Registry
from simulator.site import digest, new_world, quiet, stage

from baselift.app import base_rows, run_rows, task_rows
from baselift.app.edges import reference as image_of
from baselift.app.on_push import on_push
from baselift.app.waves.advance import advance
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.runs import ImageDescriptor, Run, Status
from baselift.domain.waves.states import Policy

STEP = 1.0
"""Seconds that a storage operation takes in counted time."""


class Counting(selectors.DefaultSelector):
    """Does not wait: time passes at once to when somebody is to be woken."""

    seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.seconds += timeout or 0.0
        return super().select(0)


class Slow:
    """The store, whose operations take a step of time each."""

    def __init__(self, store: object) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(STEP)
            return await method(*args, **kwargs)

        async def pages(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(STEP)
            async for row in method(*args, **kwargs):
                yield row

        return pages if name == "query" else call


def round_trips(children: int) -> float:
    """Round trips that a member costs which succeeded: to settle it, and to start those that waited for it alone."""
    selector = Counting()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.seconds  # type: ignore[method-assign]
    with quiet(), asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_counted(children, loop))


async def _counted(children: int, loop: asyncio.AbstractEventLoop) -> float:
    names = [f"child{number}" for number in range(children)]
    bases: Mapping[str, Sequence[str]] = {"parent": ["top"], "other": ["top"], "held": ["parent", "other"]}
    uses = bases | {name: ["parent"] for name in names}
    graph = {name: Image(name, None, tuple(named)) for name, named in uses.items()}
    staged = await stage(graph, dict.fromkeys(graph, 60.0), runtime_only=False)
    tags, tokens = Registry({**staged.tags, reference("top"): digest("top", "2")}), count()
    world = new_world(staged.store, Clock(), tags, Policy(), lambda: f"{next(tokens):08x}")
    run = next(run for run in await on_push(world, images.parse(reference("top"))) if run.task == "parent")
    ended = await _built(world, tags, run)
    slow = cast("Any", Slow(staged.store))
    begun = loop.time()
    runs = await advance(replace(world, tables=slow, queues=slow, blobs=slow), ended)
    if len(runs) != children:
        raise AssertionError(f"{len(runs)} runs, where {children} children are released")
    return (loop.time() - begun) / STEP


async def _built(world: World, registry: Registry, run: Run) -> Run:
    """The run ended well, and those who follow its image were told: all that comes before the wave goes on."""
    stored = await run_rows.by_seq(world, run.registry, run.seq)
    task = await task_rows.get(world, REGISTRY, run.task or "")
    if stored is None or task is None:
        raise AssertionError(run.task)
    uses = []
    for use in task.edges.bases:
        base = await base_rows.get(world, image_of(use.image))
        at = registry.tags[use.image.reference]
        uses.append(replace(use, image=replace(use.image, digest=at), generation=base.base.generation if base else 0))
    name = reference(task.name)
    registry.tags[name], pushed = digest(task.name, "2"), images.parse(name)
    output = ImageDescriptor(pushed.registry, pushed.repository, pushed.tag, registry.tags[name])
    ended = replace(run.ended(Status.SUCCEEDED, world.now()), bases=tuple(uses), outputs=(output,))
    await run_rows.save(world, stored, ended)
    await on_push(world, pushed)
    return ended
