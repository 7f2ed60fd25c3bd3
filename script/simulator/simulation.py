"""One simulation: bases move, webhooks tell of it or do not, builders build, processes die, and it all ends well.

Handlers run side by side on one event loop and give way at every storage call; time stands still while any of them can
go on, then jumps to whatever is next.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from baselift.app import base_rows, edges, reasons, run_rows, task_rows, turns
from baselift.app.dispatch import WAITING, feed
from baselift.app.end_run import finish
from baselift.app.execute_run import end_if_due
from baselift.app.look_around import repair_bases
from baselift.app.on_push import on_push
from baselift.app.ports import Stale
from baselift.app.reconcile import repair_runs
from baselift.app.waves import wave_rows
from baselift.app.waves.control import resume_wave
from baselift.app.waves.drive import drive_member, repair_waves
from baselift.app.waves.followers import Place
from baselift.app.world import BUILDS, WAVES, World
from baselift.domain import images
from baselift.domain.runs import BaseUse, ImageDescriptor, Run, Status
from baselift.domain.waves.states import Policy
from simulator.graphs import Image, affected, reference
from simulator.parts import Clock, Faults, Killed, Registry
from simulator.report import Report, Watch
from simulator.site import Stage, copied, digest, new_world, process

PERIOD = 120.0
"""Seconds between two rounds of the reconciler."""
LONGEST = 200_000.0
"""Seconds after which a simulation that does not end is given up."""
REDELIVERY = 30.0


@dataclass(frozen=True)
class Options:
    """What is simulated."""

    bases: Sequence[str]
    faults: float = 0.0
    seed: int = 0
    builders: int = 8
    concurrency: int = 16
    registry: int = 0
    """Builds of all waves at once; 0: as many as there are builders."""
    moves: int = 0
    """How often a base moves again while the wave runs."""
    runtime_only: bool = False
    reproducible: float = 0.0
    """Share of builds that give the digest that the image had before."""


class Simulation:
    """One simulation over a graph."""

    def __init__(self, graph: Mapping[str, Image], staged: Stage, options: Options) -> None:
        self._graph, self._stage, self._options = graph, staged, options
        self._dice = random.Random(options.seed)
        self._clock, self._registry = Clock(), Registry(dict(staged.tags))
        self._store = copied(staged, self._clock)
        self._faults = Faults(options.faults, self._dice)
        tokens = itertools.count(1)
        policy = Policy(concurrency=options.concurrency, registry=options.registry)
        self._world = new_world(self._store, self._clock, self._registry, policy, lambda: f"{next(tokens):032x}"[::-1])
        self._events: list[tuple[float, int, Callable[[], Awaitable[object]]]] = []
        self._order = itertools.count()
        self._busy, self._building, self._versions = 0, 0, itertools.count(2)
        self._rest = asyncio.Event()
        self._handlers = set[asyncio.Task[None]]()
        affects = affected(graph, options.bases, runtime_only=options.runtime_only)
        self._watch = Watch(graph, staged, options, self._registry, affects)

    async def run(self) -> Report:
        """Simulate to the end."""
        for base in self._options.bases:
            self._at(0.0, lambda base=base: self._move(base))
        for _ in range(self._options.moves):
            base = self._dice.choice(list(self._options.bases))
            self._at(self._dice.uniform(30, 900), lambda base=base: self._move(base))
        reconciled = PERIOD
        while self._clock.seconds < LONGEST:
            await self._settle()
            if self._clock.seconds >= reconciled:
                reconciled = self._clock.seconds + PERIOD
                if await self._reconcile():
                    break
                continue
            self._clock.seconds = max(self._clock.seconds, min(self._next(), reconciled))
        for handler in self._handlers:
            handler.cancel()
        await self._watch.end(self._world, self._clock.seconds)
        return self._watch.report(self._faults)

    def _next(self) -> float:
        due = self._store.due()
        message = LONGEST if due is None else (due - self._clock_begin()).total_seconds()
        # A message that is due already waits for a builder, and so for an event.
        ahead = message if message > self._clock.seconds else LONGEST
        return min(self._events[0][0] if self._events else LONGEST, ahead)

    def _clock_begin(self) -> object:
        return self._clock() - timedelta(seconds=self._clock.seconds)

    async def _settle(self) -> None:
        """Let everything happen that can happen at this moment."""
        while True:
            began = self._begin_due()
            await self._all_rest()
            if not began:
                return

    def _begin_due(self) -> int:
        began = 0
        while self._events and self._events[0][0] <= self._clock.seconds:
            self._start(heapq.heappop(self._events)[2])
            began += 1
        for text in self._store.receive(WAVES, 32):
            self._start(lambda text=text: self._message(WAVES, text))
            began += 1
        for text in self._store.receive(BUILDS, self._options.builders - self._building):
            self._building += 1
            self._start(lambda text=text: self._build(text))
            began += 1
        return began

    async def _all_rest(self) -> None:
        """Wait until no handler can go on before time does."""
        while self._busy:
            self._rest.clear()
            await self._rest.wait()

    def _give_way(self) -> None:
        self._busy -= 1
        if not self._busy:
            self._rest.set()

    def _start(self, work: Callable[[], Awaitable[object]]) -> None:
        self._busy += 1

        async def handle() -> None:
            try:
                await work()
            except BaseException as error:
                if not _killed(error):
                    raise
            finally:
                self._give_way()

        task = asyncio.ensure_future(handle())
        self._handlers.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._handlers.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._watch.violation(f"a handler failed: {type(error).__name__}: {error}")

    async def _sleep(self, seconds: float) -> None:
        """Wait by the simulation's clock."""
        woken = asyncio.get_running_loop().create_future()

        async def wake() -> None:
            # Whoever wakes up counts as busy before the waker is done.
            self._busy += 1
            woken.set_result(None)

        self._at(self._clock.seconds + seconds, wake)
        self._give_way()
        await woken

    def _at(self, when: float, work: Callable[[], Awaitable[object]]) -> None:
        heapq.heappush(self._events, (when, next(self._order), work))

    def _process(self) -> World:
        return process(self._world, self._faults, mortal=self._faults.strike("doomed process", 0.5))

    # What happens in the world.

    async def _move(self, base: str) -> None:
        """A base is pushed with new content."""
        self._registry.tags[reference(base)] = digest(base, str(next(self._versions)))
        self._tell(reference(base))

    def _tell(self, image: str) -> None:
        """The registry's event: lost, late, doubled, or as it should be."""
        if self._faults.strike("lost event"):
            return
        for _ in range(2 if self._faults.strike("doubled event") else 1):
            late = self._dice.uniform(0, 30) if self._options.faults else 0.0
            self._at(self._clock.seconds + late, lambda: on_push(self._process(), images.parse(image)))

    async def _message(self, queue: str, text: str) -> None:
        try:
            plan, number = text.split()
            await drive_member(self._process(), Place(plan, int(number)))
        except BaseException as error:
            if _killed(error) and not self._faults.strike("lost redelivery"):
                await self._store.send(queue, text, REDELIVERY)
            raise

    async def _reconcile(self) -> bool:
        """One round of the reconciler; True when there is nothing left to do."""
        quiet = not self._events and not self._building and await self._idle()
        for repair in (repair_runs, repair_waves, feed, repair_bases):
            self._start(lambda repair=repair: self._repair(repair))
            await self._all_rest()
        return quiet and await self._idle() and not await self._resume()

    async def _repair(self, repair: Callable[[World], Awaitable[None]]) -> None:
        with reasons.told_by(reasons.RECONCILER):
            await repair(self._process())

    async def _idle(self) -> bool:
        """Nobody has anything to do; bases whose movement is not carried out are work, too."""
        if self._store.due() is not None:
            return False
        for table in (run_rows.ACTIVE, wave_rows.ACTIVE, WAITING):
            async for _ in self._store.query(table):
                return False
        return all([not stored.fanning async for stored in base_rows.every(self._world)])

    async def _resume(self) -> bool:
        """What an operator does: have the rest of waves done in which something failed. True when there was any."""
        found = False
        async for wave in wave_rows.newest(self._world):
            if await self._watch.unfinished(self._world, wave.plan):
                await resume_wave(self._world, wave.id)
                self._watch.resumes += 1
                found = True
        return found

    # What builders do.

    async def _build(self, text: str) -> None:
        """As `execute_run`, without an engine: the same claims, pins, commit and end."""
        world = self._process()
        try:
            await self._execute(world, *text.split())
            await feed(world)
        except BaseException as error:
            if _killed(error) and not self._faults.strike("lost redelivery"):
                await self._store.send(BUILDS, text, REDELIVERY)
            raise
        finally:
            self._building -= 1

    async def _execute(self, world: World, registry: str, identifier: str) -> None:
        stored = await run_rows.get(world, registry, identifier)
        if stored is None:
            return
        if stored.run.status.final:
            await finish(world, stored.run)
            return
        if stored.run.leased(world.now()) or await end_if_due(world, stored) or not await turns.take(world, stored.run):
            return
        seconds = self._stage.seconds[stored.run.task or ""]
        claimed = stored.run.claimed(world.token(), world.now(), timedelta(seconds=seconds) + world.lease)
        with suppress(Stale):
            stored = await run_rows.save(world, stored, claimed)
            ended = await self._carry_out(world, stored.run, seconds)
            await self._commit(world, stored, ended)
            await finish(world, ended)

    async def _commit(self, world: World, stored: run_rows.Stored, ended: Run) -> None:
        """A process that dies right after its write has committed all the same."""
        try:
            await run_rows.save(world, stored, ended)
        finally:
            now = await run_rows.by_seq(self._world, ended.registry, ended.seq)
            if now is not None and (now.run.attempt, now.run.finished) == (ended.attempt, ended.finished):
                self._watch.committed(ended, self._clock.seconds)

    async def _carry_out(self, world: World, run: Run, seconds: float) -> Run:
        task = await task_rows.get(world, run.registry, run.task or "")
        if task is None:
            raise AssertionError(run.task)
        pins = [await self._pin(world, use) for use in task.edges.bases]
        await self._watch.started(self._world, run, pins)
        await self._sleep(seconds)
        if self._faults.strike("failed build"):
            return run.ended(Status.FAILED, world.now(), "the build failed")
        output = self._push(self._graph[run.task or ""], pins)
        return replace(run.ended(Status.SUCCEEDED, world.now()), bases=pins, outputs=(output,))

    async def _pin(self, world: World, use: BaseUse) -> BaseUse:
        """Generation first, then digest, as builders do: a movement in between is found by its generation."""
        image = edges.reference(use.image)
        stored = await base_rows.get(world, image)
        generation = stored.base.generation if stored else 0
        at = self._registry.tags[str(image)]
        return replace(use, image=replace(use.image, digest=at), generation=generation, manifest="", platform="")

    def _push(self, image: Image, pins: Sequence[BaseUse]) -> ImageDescriptor:
        name = reference(image.name)
        if not self._dice.random() < self._options.reproducible:
            self._registry.tags[name] = digest(image.name, *(pin.image.digest or "" for pin in pins))
            self._tell(name)
        pushed = images.parse(name)
        return ImageDescriptor(pushed.registry, pushed.repository, pushed.tag, self._registry.tags[name])


def _killed(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.split(Killed)[1] is None
    return isinstance(error, Killed)
