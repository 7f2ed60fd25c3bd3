"""Why it was built, and why not: an answer for every way in which a push may cause nothing, and for every run."""

from pathlib import Path

import pytest
from app.model import Model, image, version
from app.site import REGISTRY

from baselift.app.edge_policies import set_policy
from baselift.app.explain import Explanation, Step, explain_image, explain_task
from baselift.app.on_push import on_push
from baselift.app.reasons import told_by
from baselift.app.world import NotFound
from baselift.domain.edges.rules import RULES
from baselift.domain.images import InvalidReference, Reference
from baselift.registry.errors import RegistryError

BASE, TOOL = image("base:1"), image("tool:1")
STAGES = f"FROM {TOOL} AS tool\nFROM {BASE}\nCOPY --from=tool /t /t\n"


@pytest.fixture
async def model(tmp_path: Path) -> Model:
    made = Model(tmp_path)
    for each in (BASE, TOOL):
        made.registry.move(str(each), version(1))
    return made


async def created(model: Model, dockerfile: str = STAGES, **given: object) -> None:
    await model.put_task("myapp", dockerfile, **given)
    await model.drain()


async def pushed(model: Model, base: Reference = BASE, to: int = 2, dialect: str = "distribution") -> None:
    model.registry.move(str(base), version(to))
    model.clock.turn(1)
    with told_by(f"webhook {dialect}"):
        await on_push(model.world, base)


async def explained(model: Model) -> Explanation:
    return await explain_task(model.world, REGISTRY, "myapp")


async def only(model: Model, rule: str) -> Step:
    """The one step by that rule; its meaning is told."""
    (step,) = [step for step in (await explained(model)).steps if step.rule == rule]
    assert step.meaning == RULES[rule]
    return step


async def test_a_run_is_told_from_the_event_to_what_it_pushed(model: Model):
    await created(model)
    await pushed(model)
    await model.drain()
    step = await only(model, "moved")
    assert (step.source, step.base, step.generation, step.fire) == ("webhook distribution", str(BASE), 2, True)
    assert (step.before, step.after) == (version(1), version(2))
    assert step.run is not None
    (run,) = await model.runs()
    assert (step.run.id, step.run.status) == (run.id, "Succeeded")
    assert step.run.outputs == (f"{image('myapp:latest')}@{run.outputs[0].digest}",)
    assert f"last run {run.id} (Succeeded), because" in (await explained(model)).answer[0]


async def test_deliveries_of_one_push_are_counted_on_one_step(model: Model):
    await created(model)
    await pushed(model, to=1)
    for dialect in ("harbor", "quay"):
        await pushed(model, to=1, dialect=dialect)
    step = await only(model, "same-digest")
    assert (step.count, step.source, step.run, step.fire) == (3, "webhook distribution", None, False)
    assert step.last > step.at


@pytest.mark.parametrize(
    ("given", "rule"), [({"on": False}, "trigger-disabled"), ({"status": "Disabled"}, "task-disabled")]
)
async def test_what_is_off_is_told(model: Model, given: dict[str, object], rule: str):
    await created(model, **given)
    await pushed(model)
    await pushed(model)
    step = await only(model, rule)
    assert (step.before, step.after, step.run) == (version(1), version(2), None)
    assert any(RULES[rule] in sentence for sentence in (await explained(model)).answer)


async def test_a_pinned_base_that_moves_is_told(model: Model):
    await created(model, f"FROM {BASE}@{version(1)}\n")
    await pushed(model)
    assert version(2) in (await only(model, "pinned")).text


async def test_an_ignored_edge_is_told(model: Model):
    await created(model)
    await set_policy(model.world, REGISTRY, "myapp", BASE, "ignore")
    await pushed(model)
    await only(model, "ignored-edge")


async def test_an_untracked_buildtime_edge_is_told_with_how_to_track_it(model: Model):
    await created(model)
    await pushed(model, TOOL)
    assert "--base-image-trigger-type All" in (await only(model, "untracked")).meaning


async def test_a_new_tag_is_told_to_whoever_follows_another_of_its_repository(model: Model):
    await created(model)
    await pushed(model, image("base:2"))
    await pushed(model, image("base:2"), 3)
    step = await only(model, "new-tag")
    assert (step.base, step.count) == (str(image("base:2")), 2)
    assert "tasks follow 1 of it" in step.text
    (same,) = (await explain_image(model.world, REGISTRY, "base:2")).steps
    assert same.rule == "new-tag"


async def test_a_tag_of_a_repository_that_nobody_follows_leaves_nothing(model: Model):
    await created(model)
    await pushed(model, image("basement:2"))
    assert [row async for row in model.store.query("imagereasons")] == []


async def test_a_registry_that_cannot_be_reached_is_told(model: Model):
    await created(model)
    model.registry.away = True
    with pytest.raises(RegistryError):
        await pushed(model)
    assert "connection refused" in (await only(model, "unreachable")).text
    assert any("connection refused" in sentence for sentence in (await explained(model)).answer)


async def test_a_task_that_is_current_is_told_so(model: Model):
    await created(model)
    model.registry.move(str(BASE), version(2))
    run = await model.ask("myapp", "one")
    await model.drain()
    await pushed(model)
    assert await model.runs() == [run] or len(await model.runs()) == 1
    assert (await only(model, "current")).after == version(2)
    assert f"is watching by events, at {version(2)}" in (await explained(model)).answer[1]


async def test_a_run_that_somebody_asked_for_is_told_as_such(model: Model):
    await created(model)
    await model.ask("myapp", "one")
    await model.drain()
    step = await only(model, "requested")
    assert step.source == "person"
    assert step.run is not None


async def test_a_lost_event_that_the_reconciler_finds_is_told_as_its_finding(model: Model):
    await created(model)
    model.registry.move(str(BASE), version(2))
    await model.settle()
    assert (await only(model, "moved")).source == "reconciler"


async def test_a_base_is_explained_by_what_it_caused_and_an_output_by_what_caused_it(model: Model):
    await created(model)
    await pushed(model)
    await model.drain()
    base = await explain_image(model.world, REGISTRY, str(BASE))
    assert [(each.task, each.edge.state) for each in base.edges] == [("myapp", "watching")]
    assert [step.rule for step in base.steps] == ["moved"]
    made = await explain_image(model.world, REGISTRY, "myapp")
    assert made.subject == f"image {image('myapp:latest')}"
    assert [step.rule for step in made.steps] == ["moved"]
    assert "no task of the registry is based on it" in made.answer


async def test_what_is_not_there_is_refused(model: Model):
    with pytest.raises(NotFound):
        await explain_task(model.world, REGISTRY, "absent")
    with pytest.raises(InvalidReference):
        await explain_image(model.world, REGISTRY, "no such name")
