"""What is told of a movement and all that follows, and that it stays in one trace, however it is interrupted."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from app.listening import Listener
from app.model import HOST, Here, Model, ModelRegistry, image, version
from app.site import REGISTRY
from waves.family import DIAMOND, Family

from baselift.app import base_rows, reasons, world
from baselift.app.hearing import TRACE as TRACED
from baselift.app.hearing import hear
from baselift.app.on_push import on_push
from baselift.app.reconcile import reconcile
from baselift.app.take_stock import EVERY, QUEUES
from baselift.app.telemetry import GAUGES_HOLD, METRICS, Telemetry
from baselift.app.world import LOOKS
from baselift.domain.images import Reference
from baselift.domain.waves.limits import Budget
from baselift.domain.waves.states import Policy, WaveState

PARENT = "00-11111111111111111111111111111111-2222222222222222-01"
TRACE = int("1" * 32, 16)


class Indexes(ModelRegistry):
    """Every tag is at an index."""

    async def find(self, ref: Reference, _: object = None) -> Here | None:
        found = await super().find(ref)
        return replace(found, index=True) if found else None


@pytest.fixture
async def heard() -> Listener:
    return Listener()


@pytest.fixture
async def model(tmp_path: Path, heard: Listener) -> Model:
    """A task on a base that has version 1, on which it was built."""
    made = Model(tmp_path)
    made.world = replace(made.world, telemetry=heard.telemetry)
    made.registry.move(f"{HOST}/base:1", version(1))
    await made.put_task("hello", f"FROM {HOST}/base:1\n")
    await made.drain()
    return made


async def push(model: Model, name: object, parent: str = PARENT) -> None:
    model.registry.move(f"{HOST}/base:1", version(name))
    with model.world.telemetry.within(parent), reasons.told_by("event eventgrid"):
        await on_push(model.world, image("base:1"))


async def test_a_push_and_the_run_it_causes_are_in_the_trace_of_the_event(model: Model, heard: Listener):
    await push(model, 2)
    model.clock.turn(5)
    await model.drain()
    first, of_output = heard.spans("push")[0], heard.spans("run")
    assert first.context.trace_id == TRACE
    assert first.parent is not None
    assert first.attributes == {"baselift.image": f"{HOST}/base:1", "baselift.teller": "event eventgrid"}
    (run,) = of_output
    assert run.context.trace_id == TRACE
    assert run.parent is not None
    assert run.parent.span_id == first.context.span_id
    (stored,) = await model.runs("hello")
    assert dict(run.attributes or {}) == {
        "baselift.registry": REGISTRY,
        "baselift.run": stored.id,
        "baselift.task": "hello",
        "baselift.status": "Succeeded",
        "baselift.reason": "image",
        "baselift.wave": stored.cause.key.partition("/")[0],
        "baselift.attempts": 1,
        "baselift.wait": pytest.approx(5, abs=0.1),
    }
    assert run.start_time == int(stored.started.timestamp() * 1_000_000) * 1000


async def test_the_numbers_of_a_rebuild(model: Model, heard: Listener):
    await push(model, 2)
    model.clock.turn(5)
    await model.drain()
    assert heard.total("baselift.runs", registry=REGISTRY, status="Succeeded", reason="image") == 1
    assert heard.times("baselift.push.queued") == 1
    assert heard.total("baselift.run.wait", reason="image") == pytest.approx(5, abs=0.1)
    assert heard.total("baselift.push.rebuilt") == pytest.approx(5, abs=0.1)
    assert heard.times("baselift.run.duration", status="Succeeded", reason="image") == 1
    assert heard.total("baselift.waves", state="begun") == heard.total("baselift.waves", state="finished") == 1
    assert heard.total("baselift.wave.members", state="succeeded") == 1
    assert heard.total("baselift.wave.duration", state="finished") == pytest.approx(5, abs=1.1)


async def test_a_failed_run_is_counted_as_what_it_is_and_its_words_are_not_told(model: Model, heard: Listener):
    model.sources.files.clear()
    await model.ask("hello", "one")
    await model.drain()
    assert heard.total("baselift.runs", registry=REGISTRY, status="Failed", reason="request") == 1
    (run,) = heard.spans("run")
    assert run.status.is_ok is False
    assert "git.example" not in "".join(span.to_json() for span in heard.every_span())


async def test_messages_that_come_again_count_a_run_once(model: Model, heard: Listener):
    await push(model, 2)
    queue, text = model.waiting()[0]
    await model.drain()
    await model.handle(queue, text)
    await push(model, 2)
    await model.settle()
    assert heard.total("baselift.runs", registry=REGISTRY, status="Succeeded", reason="image") == 1
    assert len(heard.spans("run")) == 1


async def test_a_movement_that_is_recorded_and_left_is_finished_in_its_trace(model: Model, heard: Listener):
    model.registry.move(f"{HOST}/base:1", version(2))
    stored = await base_rows.get(model.world, image("base:1"))
    moved = base_rows.moved(stored, version(2), model.clock(), {"": version(2)})
    await base_rows.save(model.world, replace(moved, trace=PARENT))
    await model.settle()
    assert [run.context.trace_id for run in heard.spans("run")] == [TRACE]


async def test_a_movement_that_the_reconciler_finds_begins_a_trace_of_its_own(model: Model, heard: Listener):
    model.registry.move(f"{HOST}/base:1", version(2))
    await model.settle()
    (found,), (run,) = heard.spans("movement"), heard.spans("run")
    assert found.attributes == {"baselift.image": f"{HOST}/base:1", "baselift.teller": "reconciler"}
    assert run.context.trace_id == found.context.trace_id


async def test_an_index_that_settles_is_decided_about_in_the_trace_of_its_first_push(model: Model, heard: Listener):
    model.world = replace(model.world, registries=Indexes(model.registry.tags))
    await push(model, 2)
    model.clock.turn(1)
    await push(model, 3, "00-33333333333333333333333333333333-4444444444444444-01")
    model.clock.turn(60)
    await on_push(model.world, image("base:1"))
    await model.drain()
    assert [run.context.trace_id for run in heard.spans("run")] == [TRACE]
    assert heard.total("baselift.push.queued") == pytest.approx(61, abs=0.1)


async def test_a_push_that_is_looked_at_later_keeps_its_trace(model: Model, heard: Listener):
    model.world = replace(model.world, patience=timedelta())
    model.registry.move(f"{HOST}/base:1", version(2))
    with heard.telemetry.within(PARENT), reasons.told_by("event eventgrid"):
        assert await hear(model.world, image("base:1")) is None
    while model.world.looks.under_way:
        await asyncio.sleep(0)
    model.clock.turn(61)
    (later,) = model.store.messages(LOOKS)
    assert later == f"{HOST}/base:1 event eventgrid{TRACED}{PARENT}"
    await model.drain()
    assert [run.context.trace_id for run in heard.spans("run")] == [TRACE]


async def test_every_run_of_a_wave_is_in_the_trace_of_the_movement_whoever_starts_it(heard: Listener):
    family = await Family.of(DIAMOND)
    family.world = replace(family.world, telemetry=heard.telemetry)
    with heard.telemetry.within(PARENT):
        await family.move("top")
    await family.drain()
    runs = heard.spans("run")
    assert len(runs) == 4
    assert {run.context.trace_id for run in runs} == {TRACE}
    assert heard.total("baselift.wave.members", state="succeeded") == 4


async def test_a_wave_that_is_halted_is_told_once(heard: Listener):
    bases = {name: ["top"] for name in ("one", "two", "three", "four")}
    family = await Family.of(bases, Policy(concurrency=1, budget=Budget(count=0)))
    family.world = replace(family.world, telemetry=heard.telemetry)
    await family.move("top")
    for _ in range(6):
        await family.drain(set(bases))
        await family.later(3600, set(bases))
    assert (await family.wave()).state is WaveState.HALTED
    assert heard.total("baselift.waves", state="halted") == 1
    assert heard.total("baselift.wave.members", state="failed") == 1


async def test_stock_is_taken_once_in_five_minutes(model: Model, heard: Listener):
    assert EVERY.total_seconds() < GAUGES_HOLD
    await reconcile(model.world)
    assert heard.total("baselift.edges.stale", registry=REGISTRY) == 0
    assert heard.points("baselift.queue.messages").keys() >= {
        frozenset({("queue", name)}) for name in ("builds", "builds-poison", "waves-poison")
    }
    await model.world.queues.send("builds-poison", "what no builder could handle")
    await push(model, 2)
    model.clock.turn(301)
    await reconcile(model.world)
    assert heard.total("baselift.edges.stale", registry=REGISTRY) == 1
    assert heard.total("baselift.waves.open") == 1
    assert heard.total("baselift.queue.messages", queue="builds-poison") == 1
    await model.settle()
    model.clock.turn(301)
    await reconcile(model.world)
    assert heard.total("baselift.edges.stale", registry=REGISTRY) == 0
    assert heard.total("baselift.waves.open") == 0


def test_every_queue_that_a_function_reads_is_measured():
    functions = Path(__file__).parents[2] / "functions"
    read = {name for file in functions.glob("*.py") for name in re.findall(r"queue_name=(\w+)", file.read_text())}
    assert {getattr(world, name) for name in read} == set(QUEUES)


def test_what_a_gauge_was_told_is_forgotten_when_another_instance_may_tell_it(heard: Listener):
    heard.telemetry.record("baselift.edges.stale", 3, registry="here")
    heard.seconds = GAUGES_HOLD - 1
    assert heard.now("baselift.edges.stale") == {"here": 3}
    heard.telemetry.record("baselift.edges.stale", 2, registry="there")
    heard.seconds = GAUGES_HOLD
    assert heard.now("baselift.edges.stale") == {"there": 2}


async def test_rounds_are_told_with_how_they_ended(model: Model, heard: Listener):
    await reconcile(model.world)
    model.registry.find = None
    model.clock.turn(700)
    with pytest.raises(ExceptionGroup):
        await reconcile(model.world)
    assert heard.times("baselift.reconcile.duration", outcome="done") == 1
    assert heard.times("baselift.reconcile.duration", outcome="failed") == 1


async def test_where_nobody_listens_no_row_holds_a_trace(model: Model):
    model.world = replace(model.world, telemetry=Telemetry())
    await push(model, 2)
    await model.drain()
    (run,) = await model.runs("hello")
    assert run.trace == ""
    rows = [row async for row in model.store.query(base_rows.BASES)]
    assert rows
    assert all("trace" not in row.values for row in rows)


def test_a_sender_s_traceparent_that_is_none_begins_no_trace(heard: Listener):
    with heard.telemetry.within("00-nonsense-01"):
        assert heard.telemetry.trace() == ""


def test_a_number_that_is_not_declared_is_refused(heard: Listener):
    with pytest.raises(KeyError):
        heard.telemetry.record("baselift.unknown")


async def test_what_is_told_is_declared_with_its_attributes(model: Model, heard: Listener):
    await push(model, 2)
    await model.settle()
    told = heard.names()
    assert told == METRICS.keys() - {"baselift.registry.errors"}
    for name in told:
        for attributes in heard.points(name):
            assert {key for key, _ in attributes} == set(METRICS[name].attributes)
