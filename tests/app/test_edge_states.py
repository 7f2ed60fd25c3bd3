"""Edges that people see and steer: their states, their policies, and what the task says of them."""

from pathlib import Path

import pytest
from app.model import Model, image, version
from app.site import REGISTRY

from baselift.app.change_task import delete_task
from baselift.app.edge_policies import meant_base, set_policy
from baselift.app.edge_states import edge_states
from baselift.app.on_push import on_push
from baselift.app.reasons import told_by
from baselift.app.waves.preview import preview
from baselift.app.world import NotFound
from baselift.domain import images
from baselift.domain.edges.states import EdgeState

BASE, TOOL = image("base:1"), image("tool:1")
STAGES = f"FROM {TOOL} AS tool\nFROM {BASE}\nCOPY --from=tool /t /t\n"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    made = Model(tmp_path)
    for each in (BASE, TOOL):
        made.registry.move(str(each), version(1))
    return made


async def created(model: Model, dockerfile: str = STAGES, **given: object) -> None:
    await model.put_task("myapp", dockerfile, **given)
    await model.drain()


async def edge(model: Model, base: object = BASE) -> EdgeState:
    found = await edge_states(model.world, REGISTRY, "myapp")
    return next(each for each in found.edges if each.base == str(base))


async def moved(model: Model, base: object = BASE, to: int = 2) -> None:
    model.registry.move(str(base), version(to))
    model.clock.turn(1)
    with told_by("webhook distribution"):
        await on_push(model.world, image(str(base).partition("/")[2]))


async def test_an_edge_is_watched_from_the_scan_on_by_polling_and_by_events_once_one_came(model: Model):
    await created(model)
    first = await edge(model)
    assert (first.state, first.how, first.last_event) == ("watching", "polling", "")
    assert first.built_on == first.now == version(1)
    await model.settle()
    polled = await edge(model)
    assert polled.last_check > first.last_check
    await moved(model, to=1)
    told = await edge(model)
    assert (told.state, told.how) == ("watching", "events")
    assert told.last_event == model.clock().isoformat() == told.last_check


async def test_a_base_is_named_as_its_dockerfile_names_it(model: Model):
    model.registry.move("docker.io/library/node:20", version(1))
    await model.put_task("myapp", f"FROM node:20 AS node\nFROM {BASE}\nCOPY --from=node /n /n\n", kind="All")
    await model.drain()
    names = {"node:20": "docker.io/library/node:20", "base:1": str(BASE), "none:1": str(image("none:1"))}
    for text, meant in names.items():
        assert (await preview(model.world, REGISTRY, text)).image == meant
    model.registry.move(str(image("node:20")), version(1))
    await model.put_task("other", f"FROM {image('node:20')}\n")
    await model.drain()
    assert (await preview(model.world, REGISTRY, "node:20")).image == str(image("node:20"))


async def test_a_policy_is_of_the_base_that_the_task_has(model: Model):
    await created(model)
    for text, meant in (("base:1", BASE), (str(BASE), BASE), ("other:1", images.parse("other:1"))):
        assert await meant_base(model.world, REGISTRY, "myapp", text) == meant
    model.registry.move("docker.io/library/base:1", version(1))
    await model.put_task("myapp", "FROM base:1\n")
    await model.drain()
    assert await meant_base(model.world, REGISTRY, "myapp", "base:1") == images.parse("base:1")


async def test_an_edge_is_stale_from_the_movement_until_a_run_succeeded_on_it(model: Model):
    await created(model)
    await moved(model)
    stale = await edge(model)
    assert (stale.state, stale.built_on, stale.now) == ("stale", version(1), version(2))
    assert stale.stale_since == model.clock().isoformat()
    await model.drain()
    built = await edge(model)
    assert (built.state, built.built_on, built.stale_since) == ("watching", version(2), "")


async def test_an_edge_stays_stale_when_its_run_fails(model: Model):
    await created(model)
    await moved(model)
    model.sources.files.clear()
    await model.drain()
    (run,) = await model.runs()
    assert run.status.value == "Failed"
    assert (await edge(model)).state == "stale"


@pytest.mark.parametrize("named", [1, 2])
async def test_a_pinned_edge_says_whether_its_tag_moved_past_the_pin(model: Model, named: int):
    await created(model, f"FROM {BASE}@{version(named)}\n")
    await model.settle()
    pinned = await edge(model)
    assert (pinned.state, pinned.built_on, pinned.now) == ("pinned", version(named), version(1))
    assert pinned.moved_past == (named != 1)
    await moved(model, to=3)
    assert (await edge(model)).moved_past
    await model.settle()
    assert await model.runs() == []


async def test_a_tag_that_a_stage_names_and_another_pins_is_followed(model: Model):
    await created(model, f"FROM {BASE}@{version(1)} AS old\nFROM {BASE}\nCOPY --from=old /t /t\n", kind="All")
    await moved(model)
    assert len(await model.runs()) == 1


@pytest.mark.parametrize(
    ("given", "state", "says"),
    [
        ({"on": False}, "disabled", "--base-image-trigger-enabled true"),
        ({"status": "Disabled"}, "disabled", "--status Enabled"),
    ],
)
async def test_what_is_off_says_how_to_turn_it_on(model: Model, given: dict[str, object], state: str, says: str):
    await created(model, **given)
    await moved(model)
    found = await edge(model)
    assert (found.state, found.stale_since) == (state, model.clock().isoformat())
    assert says in found.text


async def test_a_buildtime_base_that_the_trigger_does_not_count_is_untracked_and_the_task_says_how_to_track_it(
    model: Model,
):
    await created(model)
    assert (await edge(model, TOOL)).state == "untracked"
    advice = (await edge_states(model.world, REGISTRY, "myapp")).advice
    assert str(TOOL) in advice
    assert "--base-image-trigger-type All" in advice
    assert f"--base {TOOL} --policy rebuild" in advice
    await created(model, kind="All")
    assert (await edge(model, TOOL)).state == "watching"
    assert (await edge_states(model.world, REGISTRY, "myapp")).advice == ""


async def test_a_registry_that_does_not_answer_makes_the_edge_unknown_until_it_does(model: Model):
    await created(model)
    model.registry.away = True
    await model.settle(1)
    away = await edge(model)
    assert away.state == "unknown"
    assert "cannot be reached" in away.text
    model.registry.away = False
    model.clock.turn(7200)
    await model.settle(2)
    assert (await edge(model)).state == "watching"


async def test_a_tag_that_is_gone_makes_the_edge_unknown(model: Model):
    await created(model)
    del model.registry.tags[str(BASE)]
    await model.settle()
    gone = await edge(model)
    assert (gone.state, gone.text) == ("unknown", "the registry has no such tag")


async def test_a_source_that_cannot_be_read_is_told_with_its_reason(model: Model):
    await model.put_task("myapp", STAGES)
    model.sources.files.clear()
    await model.drain()
    found = await edge_states(model.world, REGISTRY, "myapp")
    assert found.edges == ()
    assert "does not exist" in found.problem


async def test_an_ignored_edge_starts_no_run_and_counts_once_when_it_is_followed_again(model: Model):
    await created(model)
    await set_policy(model.world, REGISTRY, "myapp", BASE, "ignore")
    await model.drain()
    await moved(model)
    await moved(model, to=3)
    await model.settle()
    assert await model.runs() == []
    assert (await edge(model)).state == "ignored"
    for _ in range(2):
        await set_policy(model.world, REGISTRY, "myapp", BASE, "default")
    await model.settle()
    (run,) = await model.runs()
    assert {use.image.digest for use in run.bases} == {version(3), version(1)}


async def test_an_edge_set_to_rebuild_counts_although_it_is_buildtime(model: Model):
    await created(model)
    await moved(model, TOOL)
    await model.settle()
    assert await model.runs() == []
    await set_policy(model.world, REGISTRY, "myapp", TOOL, "rebuild")
    await model.settle()
    assert len(await model.runs()) == 1
    await moved(model, TOOL, 3)
    await model.settle()
    assert len(await model.runs()) == 2


async def test_a_policy_outlives_a_put_of_the_task_and_goes_with_it(model: Model):
    await created(model)
    await set_policy(model.world, REGISTRY, "myapp", BASE, "ignore")
    await created(model)
    assert (await edge(model)).policy == "ignore"
    await delete_task(model.world, REGISTRY, "myapp")
    await created(model)
    assert (await edge(model)).policy == "default"


async def test_a_base_that_the_task_does_not_have_is_refused_with_those_that_it_has(model: Model):
    await created(model)
    with pytest.raises(NotFound, match=f"no base '{image('other:1')}'; its bases are: .*{BASE}"):
        await set_policy(model.world, REGISTRY, "myapp", image("other:1"), "ignore")


async def test_what_the_task_pushes_itself_is_not_followed(model: Model):
    model.registry.move(str(image("myapp:latest")), version(1))
    await created(model, f"FROM {image('myapp:latest')}\n")
    assert (await edge(model, image("myapp:latest"))).state == "ignored"
