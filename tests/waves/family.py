"""A family of images on the in-memory store, whose builds take no time and end as a test says."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from simulator.graphs import REGISTRY, Image, reference
from simulator.parts import Clock, Registry
from simulator.site import digest, new_world, stage

from baselift.app import base_rows, edges, run_rows, task_rows, turns
from baselift.app.end_run import finish
from baselift.app.look_around import repair_bases
from baselift.app.on_push import on_push
from baselift.app.reconcile import repair_runs
from baselift.app.waves import wave_rows
from baselift.app.waves.drive import drive_member, repair_waves
from baselift.app.waves.followers import Place
from baselift.app.waves.list_waves import ShownWave, list_waves, show_wave
from baselift.app.world import BUILDS, WAVES
from baselift.domain import images
from baselift.domain.runs import ImageDescriptor, Run, Status
from baselift.domain.waves.states import MemberState, Policy
from baselift.memory.store import MemoryStore

DIAMOND = {"middle": ["top"], "left": ["middle"], "right": ["middle"], "leaf": ["left", "right"]}
"""Image -> its bases, all of them buildtime."""


class Family:
    """Tasks named after their images, on bases that a test moves."""

    def __init__(self, store: MemoryStore, clock: Clock, registry: Registry, graph: Mapping[str, Image]) -> None:
        self.store, self.clock, self.registry, self.graph = store, clock, registry, graph
        self.tokens = 0
        self.world = replace(new_world(store, clock, registry, Policy(), self._token), window=0)
        self.built: list[str] = []
        """Images in the order in which their builds succeeded."""
        self.same: set[str] = set()
        """Images whose builds give the digest that is there already."""

    @classmethod
    async def of(cls, bases: Mapping[str, list[str]], policy: Policy | None = None) -> "Family":
        graph = {name: Image(name, None, tuple(uses)) for name, uses in bases.items()}
        staged = await stage(graph, dict.fromkeys(graph, 60.0), runtime_only=False)
        staged.store._now = clock = Clock()
        made = cls(staged.store, clock, Registry(dict(staged.tags)), graph)
        if policy is not None:
            made.world = replace(made.world, waves=policy)
        return made

    def _token(self) -> str:
        self.tokens += 1
        return f"{self.tokens:06d}"

    async def move(self, base: str, content: str = "", *, tell: bool = True) -> list[Run]:
        """Push a base anew, and tell of it."""
        self.tokens += 1
        self.registry.tags[reference(base)] = digest(base, content or str(self.tokens))
        return await on_push(self.world, images.parse(reference(base))) if tell else []

    async def next(self, fail: Collection[str] = ()) -> Run | None:
        """Build what is next in the queue."""
        for text in self.store.receive(BUILDS, 1):
            return await self._build(*text.split(), fail)
        return None

    async def drain(self, fail: Collection[str] = ()) -> None:
        """Build until there is nothing to do at this moment; builds of the images in `fail` do."""
        while True:
            for text in self.store.receive(WAVES, 32):
                plan, number = text.split()
                await drive_member(self.world, Place(plan, int(number)))
            if not self.store.messages(BUILDS):
                return
            await self.next(fail)

    async def _build(self, registry: str, identifier: str, fail: Collection[str]) -> Run | None:
        stored = await run_rows.get(self.world, registry, identifier)
        assert stored is not None
        if stored.run.status.final or not await turns.take(self.world, stored.run):
            return None
        return await self.end(stored.run, fail)

    async def end(self, run: Run, fail: Collection[str] = ()) -> Run:
        """Build a run whose turn it is."""
        stored = await run_rows.get(self.world, run.registry, run.id)
        assert stored is not None
        name = run.task or ""
        task = await task_rows.get(self.world, REGISTRY, name)
        ended = run.ended(Status.FAILED, self.clock(), "no luck")
        if task is not None and name not in fail:
            uses = []
            for use in task.edges.bases:
                base = await base_rows.get(self.world, edges.reference(use.image))
                at = self.registry.tags[use.image.reference]
                uses.append(replace(use, image=replace(use.image, digest=at), generation=base.base.generation))
            ended = replace(run.ended(Status.SUCCEEDED, self.clock()), bases=uses, outputs=(self._push(name, uses),))
            self.built.append(name)
        await run_rows.save(self.world, stored, ended)
        await finish(self.world, ended)
        return ended

    def _push(self, name: str, uses: list[Any]) -> ImageDescriptor:
        if name not in self.same:
            self.registry.tags[reference(name)] = digest(name, *(use.image.digest for use in uses))
        image = images.parse(reference(name))
        return ImageDescriptor(image.registry, image.repository, image.tag, self.registry.tags[reference(name)])

    async def reconcile(self) -> None:
        for repair in (repair_runs, repair_waves, repair_bases):
            await repair(self.world)

    async def later(self, seconds: float, fail: Collection[str] = ()) -> None:
        """Let time pass, and happen what is due then."""
        self.clock.seconds += seconds
        await self.drain(fail)

    async def waves(self) -> list[ShownWave]:
        """Newest first."""
        return await list_waves(self.world, REGISTRY)

    async def wave(self) -> ShownWave:
        """The only wave."""
        (found,) = await self.waves()
        return found

    async def states(self, number: int = 0) -> dict[str, MemberState]:
        """Of the members of a wave, counted from the newest."""
        found = await self.waves()
        _, members = await show_wave(self.world, REGISTRY, found[number].wave.id)
        return {member.task: member.state for member in members}

    async def notes(self) -> dict[str, str]:
        _, members = await show_wave(self.world, REGISTRY, (await self.wave()).wave.id)
        return {member.task: member.note for member in members}

    def fresh(self, name: str) -> bool:
        """Whether the image in the registry was built on what its bases are now, to the top."""
        bases = [base for base, _ in self.graph[name].bases] if name in self.graph else []
        made = digest(name, *(self.registry.tags[reference(base)] for base in bases))
        return not bases or (self.registry.tags[reference(name)] == made and all(map(self.fresh, bases)))

    async def left(self) -> list[Any]:
        """Rows of what is not over."""
        tables = (run_rows.ACTIVE, wave_rows.ACTIVE, "gates", "followers")
        return [row for table in tables async for row in self.store.query(table)]
