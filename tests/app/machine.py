"""A state machine over store and queue: what the world may do to Baselift, and the laws that hold whatever it does.

Events and messages come twice, late, in any order or never. A process may die before or after any of its calls, and may
be suspended at one and go on when others have long done its work.
"""

import asyncio
import inspect
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.crashing import Killed, Process
from app.model import Model, image, version
from app.site import REGISTRY
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from baselift.app import base_rows, reasons, reconcile, run_rows, task_rows
from baselift.app.edges import reference
from baselift.app.notifications.targets import Targets
from baselift.app.numbers import Numbers
from baselift.app.on_push import on_push
from baselift.app.task_rows import StoredTask
from baselift.app.world import World
from baselift.domain.runs import Run, Status

BASES = ("base:1", "tool:1")
FILES = {
    "first": f"FROM {image('base:1')}\n",
    "second": f"FROM {image('tool:1')} AS tool\nFROM {image('base:1')}\nCOPY --from=tool /t /t\n",
    "third": f"FROM {image('base:1')} AS base\nFROM {image('first:latest')}\nCOPY --from=base /b /b\n",
}
"""Three tasks: two on the bases, and one on what the first makes and on its base too."""
KINDS = {"first": "Runtime", "second": "All", "third": "All"}
FIRST_STEP, LAST_STEP = 0, 60


@dataclass
class Mortal(Process):
    """Dies at one of its calls, or is suspended at one. A tag's own put is not held up: its time is limited."""

    freeze: int | str | None = None
    """Number or name of a call."""
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Task[Any] | None = None

    async def call(self, name: str, method: Any, *args: Any, **kwargs: Any) -> Any:
        if self.freeze in (len(self.calls), name) and name != "registry.tag":
            self.frozen.set()
        if self.frozen.is_set():
            await self.go.wait()
        return await super().call(name, method, *args, **kwargs)

    def within(self, world: World) -> World:
        store = self.wrap(world.tables, coroutines(world.tables), "store")
        registry = self.wrap(world.registries, coroutines(world.registries), "registry")
        # What a process keeps in its own memory, another does not share.
        return replace(
            world, tables=store, queues=store, blobs=store, registries=registry, numbers=Numbers(), targets=Targets()
        )


def coroutines(part: Any) -> tuple[str, ...]:
    return tuple(name for name, method in inspect.getmembers(part, inspect.iscoroutinefunction) if name[0] != "_")


Fate = tuple[str, int | str] | None
FATES = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(("before", "after", "freeze")), st.integers(FIRST_STEP, LAST_STEP)),
)
"""What becomes of a process: nothing, or death or suspension at one of its calls."""
ANY = st.integers(0, 1000)
"""Which of those that there are, modulo their number."""


class Laws(RuleBasedStateMachine):
    """Holds laws 1 to 4 and 7 of the design: no run without a movement, one run for each, none forgotten, each ends."""

    steps = 0
    """Over all examples."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.model = Model(self.directory)
        self.events: list[str] = []
        self.suspended: list[Mortal] = []

    @initialize()
    def begin(self) -> None:
        for name in (*BASES, "first:latest"):
            self.model.registry.move(str(image(name)), version(0))
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        for name, text in FILES.items():
            await self.model.put_task(f"{name}", text, kind=KINDS[name])
        await self.model.drain()
        self.model.registry.moves = 0

    @rule(base=st.sampled_from(BASES), to=st.integers(0, 3))
    def move(self, base: str, to: int) -> None:
        """A push from outside, of something new or of what is there."""
        self._count()
        self.model.registry.move(str(image(base)), version(to))
        self.events.append(base)

    @precondition(lambda self: self.events)
    @rule(which=ANY, again=st.booleans(), fate=FATES)
    def hear(self, which: int, again: bool, fate: Fate) -> None:
        """Any event arrives, and perhaps not for the last time."""
        self._count()
        name = self.events[which % len(self.events)]
        if not again:
            self.events.remove(name)
        self._live(lambda world: on_push(world, image(name)), fate)

    @precondition(lambda self: self.events)
    @rule(which=ANY)
    def lose_event(self, which: int) -> None:
        self._count()
        del self.events[which % len(self.events)]

    @precondition(lambda self: self.model.waiting())
    @rule(which=ANY, again=st.booleans(), fate=FATES)
    def handle(self, which: int, again: bool, fate: Fate) -> None:
        """Any message is handled; that of a process which did not end comes again."""
        self._count()
        queue, text = self._message(which)
        self.model.take(queue, text)
        ended = self._live(lambda world: self.model.handle(queue, text, world), fate)
        if again or not ended:
            self.runner.run(self.model.store.send(queue, text))

    @precondition(lambda self: self.model.waiting())
    @rule(which=ANY)
    def lose_message(self, which: int) -> None:
        self._count()
        self.model.take(*self._message(which))

    @rule(fate=FATES)
    def reconcile(self, fate: Fate) -> None:
        self._count()
        self._live(reconcile.reconcile, fate)

    @rule(seconds=st.sampled_from((1, 20, 40, 100)))
    def turn(self, seconds: int) -> None:
        self._count()
        self.model.clock.turn(seconds)

    @rule(name=st.sampled_from(tuple(FILES)), on=st.booleans(), fate=FATES)
    def switch(self, name: str, on: bool, fate: Fate) -> None:
        """Somebody turns the trigger off, or on."""
        self._count()
        self._live(lambda world: self.model.put_task(name, FILES[name], world, kind=KINDS[name], on=on), fate)

    @rule(name=st.sampled_from(tuple(FILES)), request=st.integers(0, 5), fate=FATES)
    def ask(self, name: str, request: int, fate: Fate) -> None:
        self._count()
        self._live(lambda world: self.model.ask(name, str(request), world), fate)

    @precondition(lambda self: self.suspended)
    @rule(which=ANY)
    def resume(self, which: int) -> None:
        """A process that was suspended goes on, as if nothing had happened meanwhile."""
        self._count()
        self._resume(self.suspended.pop(which % len(self.suspended)))

    @rule()
    def settle(self) -> None:
        """Nothing more happens for a while."""
        self._count()
        self._check()

    def teardown(self) -> None:
        try:
            self._check()
            while self.suspended:
                self._resume(self.suspended.pop())
            self._check()
        finally:
            self.close()

    def close(self) -> None:
        """Leave nothing behind."""
        self.runner.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _count(self) -> None:
        type(self).steps += 1
        self.model.clock.turn(1)

    def _message(self, which: int) -> tuple[str, str]:
        waiting = self.model.waiting()
        return waiting[which % len(waiting)]

    def _live(self, work: Any, fate: Fate) -> bool:
        """Let a process do the work; False when it died or is suspended."""
        kind, number = fate or ("", -1)
        process = Mortal(after=kind == "after", freeze=number if kind == "freeze" else None)
        process.at = number if kind in ("before", "after") and isinstance(number, int) else None

        async def begin() -> bool:
            process.work = asyncio.ensure_future(work(process.within(self.model.world)))
            frozen = asyncio.ensure_future(process.frozen.wait())
            await asyncio.wait((process.work, frozen), return_when=asyncio.FIRST_COMPLETED)
            frozen.cancel()
            return process.work.done()

        if not self.runner.run(begin()):
            self.suspended.append(process)
            return False
        return survived(process.work)

    def _resume(self, process: Mortal) -> None:
        async def go_on() -> None:
            assert process.work is not None
            process.go.set()
            await asyncio.wait((process.work,))

        self.runner.run(go_on())
        survived(process.work)

    def _check(self) -> None:
        self._run(self.model.settle(20))
        self._run(check(self.model))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self.runner.run(work)


def survived(work: asyncio.Task[Any] | None) -> bool:
    """Whether the process came to its end; what it raised, if it was not its death."""
    assert work is not None
    error = work.exception()
    if error is None:
        return True
    if isinstance(error, Killed) or (isinstance(error, BaseExceptionGroup) and error.subgroup(Killed)):
        return False
    raise error


async def check(model: Model) -> None:
    """What holds when nothing has happened for a while."""
    runs = await model.runs()
    assert [run.id for run in runs if not run.status.final] == [], "law 4: a run does not end"
    assert [row async for row in model.store.query(run_rows.ACTIVE)] == []
    assert model.waiting() == []
    twice = Counter((run.task, run.cause.kind, run.cause.key) for run in runs)
    assert [key for key, count in twice.items() if count > 1] == [], "law 2: a cause made more than one run"
    caused = Counter(run.task for run in runs if run.cause.kind == "image")
    assert all(count <= model.registry.moves for count in caused.values()), "law 1: a run without a movement"
    for name in FILES:
        task = await task_rows.get(model.world, REGISTRY, name)
        assert task is not None
        await check_edges(model, task)
        check_tag(model, name, [run for run in runs if run.task == name])
        await check_reasons(model, name, [run for run in runs if run.task == name and run.cause.kind == "image"])


async def check_edges(model: Model, task: StoredTask) -> None:
    """Law 3: where the trigger is on, the task was asked to build on what each base is now, and stands on it."""
    if task.document["properties"]["trigger"]["baseImageTrigger"]["status"] != "Enabled":
        return
    assert len(task.edges.bases) == FILES[task.name].count("FROM")
    for use in task.edges.bases:
        base, now = reference(use.image), model.registry.tags[reference(use.image).__str__()]
        stored = await base_rows.dependent(model.world, base, REGISTRY, task.name)
        assert stored is not None
        assert stored.edge.digest == now, f"law 3: {task.name} was not asked to build on {base}"
        run = await run_rows.by_seq(model.world, REGISTRY, stored.seq) if stored.seq else None
        if run is not None and run.run.status is Status.SUCCEEDED:
            assert stored.edge.built == now, f"law 3: {task.name} does not stand on {base}"


def check_tag(model: Model, name: str, runs: list[Run]) -> None:
    """The tag is at what the run pushed that ended last: no suspended builder moved it back."""
    ended = sorted(runs, key=lambda run: (run.finished, run.seq))
    if ended and ended[-1].status is Status.SUCCEEDED:
        tag = model.registry.tags[str(image(f"{name}:latest"))]
        assert tag == ended[-1].outputs[0].digest, f"fence: the tag of {name} was moved back"


async def check_reasons(model: Model, name: str, runs: list[Run]) -> None:
    """Law 7: a reason is kept of each run that a base caused."""
    told = {reason.run for reason in await reasons.of_task(model.world, REGISTRY, name, 10_000)}
    assert {run.id for run in runs} <= told, "law 7: a run without a reason"
