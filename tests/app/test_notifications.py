"""Targets are told of runs and waves: each event at least once, whatever dies, and nobody waits for them."""

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from app.model import image, version
from app.site import REGISTRY, SCOPE
from app.told import SECRET, URL, Told, staged

from baselift.app import retention
from baselift.app.notifications import change_target, outbox
from baselift.app.notifications.deliver import LEFT_ALONE, OLDEST
from baselift.app.notifications.outbox import State
from baselift.app.notifications.targets import FRESH, REST, WEBHOOKS
from baselift.app.remove_registry import remove_registry
from baselift.app.world import NOTICES, NotFound, Refused
from baselift.domain import notifications


@pytest.fixture
async def told(tmp_path: Path) -> Told:
    return await staged(tmp_path)


async def failing(told: Told, *names: str) -> None:
    """Have the sources of these tasks be gone."""
    for name in names:
        told.model.sources.files.pop(f"https://git.example/{name}.git")


async def test_a_movement_tells_that_its_wave_started_what_was_built_and_that_it_is_finished(told):
    await told.add()
    await told.move(1)
    await told.model.drain()
    events = {event["type"]: event for event in told.receiver.events()}
    assert sorted(told.receiver.types()) == sorted(
        ["baselift.wave.started", "baselift.run.succeeded", "baselift.run.succeeded", "baselift.wave.finished"]
    )
    assert set(told.receiver.ids().values()) == {1}
    assert events["baselift.wave.finished"]["data"]["states"] == {"succeeded": 2}
    assert events["baselift.wave.started"]["data"]["causes"][0]["digest"] == version(1)
    first = next(event for event in told.receiver.events() if event["subject"].startswith("tasks/first/"))
    assert first["data"]["cause"]["bases"] == [
        {"image": str(image("base:1")), "before": version(0), "after": version(1)}
    ]
    (run,) = await told.model.runs("first")
    assert first["data"]["images"][0]["digest"] == run.outputs[0].digest
    assert first["source"] == SCOPE.id
    assert {notice.state for notice in await told.notices()} == {State.DELIVERED}
    assert await told.pending() == []


async def test_what_is_sent_is_signed_at_each_attempt(told):
    await told.add(customHeaders={"Authorization": "Bearer theirs"})
    told.receiver.answer = lambda _: 204 if len(told.receiver.letters) > 1 else 500
    await change_target.ping(told.world, REGISTRY, "hooks")
    await told.model.drain()
    told.model.clock.turn(notifications.PAUSES[0] + 1)
    await told.model.drain()
    first, second = told.receiver.letters
    for letter in (first, second):
        headers = letter.headers
        stamp = int(headers["webhook-timestamp"])
        assert headers["webhook-signature"] == notifications.signature(
            SECRET, headers["webhook-id"], stamp, letter.body
        )
        assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert headers["Authorization"] == "Bearer theirs"
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == json.loads(first.body)["id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.body == second.body


async def test_a_run_that_fails_is_told_with_its_error_and_each_attempt_of_a_wave_is_one(told):
    await told.add(actions=["run_failed"])
    await failing(told, "first")
    await told.move(1)
    await told.model.drain()
    (event,) = told.receiver.events()
    assert event["type"] == "baselift.run.failed"
    assert "does not exist" in event["data"]["error"]
    assert event["data"]["images"] == []
    told.model.clock.turn(61)
    await told.model.drain()
    assert len(told.receiver.events()) == 2


async def test_a_target_is_told_what_it_asked_for(told):
    await told.add("everything")
    await told.add("second", "https://second.example/", actions=["run_succeeded"], scope="sec*")
    await told.add("silent", "https://silent.example/", status="disabled")
    await told.move(1)
    await told.model.drain()
    assert [event["data"]["task"] for event in told.receiver.events("https://second.example/")] == ["second"]
    assert len(told.receiver.events()) == 4
    assert told.receiver.events("https://silent.example/") == []


async def test_a_run_that_nobody_caused_by_a_wave_is_told_too(told):
    await told.add()
    await told.model.ask("first", "by hand")
    await told.model.drain()
    assert "baselift.run.succeeded" in told.receiver.types()
    event = next(each for each in told.receiver.events() if each["subject"].startswith("tasks/first/"))
    assert event["data"]["cause"] == {
        "trigger": "Manual",
        "time": event["data"]["cause"]["time"],
        "bases": [],
        "wave": None,
    }


async def test_a_target_that_answers_late_is_told_in_the_end_and_holds_nobody_up(told):
    await told.add()
    await told.add("quick", "https://quick.example/")
    told.receiver.answer = lambda letter: 503 if letter.url == URL and len(told.receiver.events()) < 6 else 204
    await told.move(1)
    await told.model.drain()
    assert {run.status.value for run in await told.model.runs()} == {"Succeeded"}
    assert len(told.receiver.events("https://quick.example/")) == 4
    assert {notice.answer for notice in await told.notices()} == {"answered 503"}
    await told.day()
    assert {notice.state for notice in await told.notices()} == {State.DELIVERED}
    assert await told.pending() == []


async def test_a_notice_is_given_up_after_the_last_attempt_kept_and_logged(told, caplog):
    await told.add()
    told.receiver.answer = lambda _: 500
    await change_target.ping(told.world, REGISTRY, "hooks")
    await told.model.drain()
    await told.day()
    (notice,) = await told.notices()
    assert (notice.state, notice.attempts, notice.status) == (State.FAILED, len(notifications.PAUSES) + 1, 500)
    assert len(told.receiver.letters) == notice.attempts
    assert await told.pending() == []
    alerts = [record for record in caplog.records if "was given up" in record.getMessage()]
    assert [record.levelname for record in alerts] == ["ERROR"]
    assert "hidden" not in caplog.text
    assert SECRET not in caplog.text
    await told.model.settle()
    assert len(told.receiver.letters) == notice.attempts


async def test_a_target_without_answer_is_left_alone_so_that_others_are_sent_theirs(told):
    await told.add()
    told.receiver.answer = lambda _: None
    await told.move(1)
    await told.model.drain()
    assert len(told.receiver.letters) == 1
    assert Counter(notice.answer for notice in await told.notices()) == {
        LEFT_ALONE: 3,
        "no answer: the server did not answer in time": 1,
    }
    told.model.clock.turn(REST.total_seconds() + 1)
    await told.model.drain()
    assert len(told.receiver.letters) == 2
    told.receiver.answer = lambda _: 204
    await told.day()
    assert len(set(told.receiver.ids())) == 4
    assert await told.pending() == []


async def test_a_test_is_sent_at_once_also_to_who_gave_no_answer(told):
    await told.add()
    told.receiver.answer = lambda _: None
    await told.move(1)
    await told.model.drain()
    await change_target.ping(told.world, REGISTRY, "hooks")
    await told.model.drain()
    assert told.receiver.types()[1:] == ["baselift.ping"]


async def test_a_target_that_never_answers_is_given_up_in_the_end(told):
    await told.add()
    told.receiver.answer = lambda _: None
    await told.move(1)
    await told.model.drain()
    told.model.clock.turn(OLDEST.total_seconds() + 1)
    await told.model.settle(3)
    assert {notice.state for notice in await told.notices()} == {State.FAILED}
    assert await told.pending() == []


async def test_what_is_repeated_is_told_once(told):
    await told.add()
    await told.move(1)
    await told.model.drain()
    before = told.receiver.ids()
    for run in await told.model.runs():
        await told.model.handle("builds", f"{REGISTRY} {run.id}")
    await told.model.settle()
    assert told.receiver.ids() == before
    assert told.model.waiting() == []


async def test_a_message_that_comes_early_or_twice_changes_nothing(told):
    await told.add()
    told.receiver.answer = lambda _: 500
    await change_target.ping(told.world, REGISTRY, "hooks")
    (text,) = told.model.store.messages(NOTICES)
    await told.model.drain()
    for _ in range(3):
        await told.model.handle(NOTICES, text)
    assert len(told.receiver.letters) == 1
    assert told.model.waiting() == []


async def test_a_lost_message_is_made_good_by_the_reconciler(told):
    await told.add()
    await change_target.ping(told.world, REGISTRY, "hooks")
    (text,) = told.model.store.messages(NOTICES)
    told.model.take(NOTICES, text)
    told.model.clock.turn(told.world.lease.total_seconds() + 1)
    await told.model.settle()
    assert told.receiver.types() == ["baselift.ping"]


async def test_what_waits_for_a_target_that_is_removed_or_disabled_is_dropped(told):
    await told.add()
    await told.add("other", "https://other.example/")
    for name in ("hooks", "other"):
        await change_target.ping(told.world, REGISTRY, name)
    assert await change_target.delete_target(told.world, REGISTRY, "HOOKS")
    assert not await change_target.delete_target(told.world, REGISTRY, "hooks")
    await told.add("other", "https://other.example/", status="disabled")
    await told.model.drain()
    assert told.receiver.letters == []
    assert await told.pending() == []
    assert [notice.state for notice in await told.notices("other")] == [State.DROPPED]
    with pytest.raises(NotFound, match="webhook 'hooks' does not exist"):
        await told.notices()
    with pytest.raises(Refused, match="is disabled"):
        await change_target.ping(told.world, REGISTRY, "other")


async def test_a_topic_of_event_grid_gets_a_batch_by_key_or_by_identity(told):
    topic = "https://t.westeurope-1.eventgrid.azure.net/api/events"
    await told.add("bykey", topic, kind="eventgrid", secret="key of the topic")
    await told.add("byidentity", topic, kind="eventgrid", secret=None)
    for name in ("bykey", "byidentity"):
        await change_target.ping(told.world, REGISTRY, name)
    await told.model.drain()
    assert {letter.url for letter in told.receiver.letters} == {f"{topic}?api-version=2018-01-01"}
    by_key, by_identity = sorted(told.receiver.letters, key=lambda letter: letter.topic)
    assert (by_key.headers["aeg-sas-key"], by_key.topic) == ("key of the topic", False)
    assert ("aeg-sas-key" in by_identity.headers, by_identity.topic) == (False, True)
    for letter in told.receiver.letters:
        assert letter.headers["content-type"] == "application/cloudevents-batch+json; charset=utf-8"
        assert [event["type"] for event in json.loads(letter.body)] == ["baselift.ping"]


async def test_secrets_are_sealed_where_they_are_kept(told):
    await told.add(customHeaders={"Authorization": "Bearer theirs"})
    (row,) = [row async for row in told.model.store.query(WEBHOOKS)]
    text = json.dumps(row.values)
    assert not [secret for secret in (SECRET, "hidden", "hooks.example", "theirs") if secret in text]


async def test_a_secret_of_a_lost_key_is_a_failed_attempt_that_says_so(told):
    await told.add()
    await change_target.ping(told.world, REGISTRY, "hooks")

    def unseal(_: Any) -> Any:
        raise ValueError("sealed with the key 'old', which is not among ['new']")

    told.model.world = replace(told.world, unseal=unseal)
    await told.model.drain()
    (notice,) = await told.notices()
    assert (notice.state, notice.answer) == (State.PENDING, "sealed with the key 'old', which is not among ['new']")


async def test_without_targets_a_wave_asks_for_them_once_in_a_while(told):
    asked: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(told.model.store, name)

        def query(self, table: str, **given: Any) -> Any:
            asked.append(table)
            return told.model.store.query(table, **given)

    told.model.clock.turn(FRESH.total_seconds())
    told.model.world = replace(told.world, tables=Counting())
    await told.move(1)
    await told.model.drain()
    assert len(await told.model.runs()) == 2
    assert asked.count(WEBHOOKS) == 1
    assert [row async for row in told.model.store.query(outbox.NOTICES)] == []


async def test_another_process_tells_a_new_target_within_seconds(told):
    other = replace(told.world, targets=type(told.world.targets)())
    assert await other.targets.of(other.tables, other.now(), REGISTRY) == ()
    await told.add()
    assert await other.targets.of(other.tables, other.now(), REGISTRY) == ()
    told.model.clock.turn(FRESH.total_seconds())
    assert [each.name for each in await other.targets.of(other.tables, other.now(), REGISTRY)] == ["hooks"]


async def test_notices_are_deleted_when_runs_are(told):
    await told.add()
    await change_target.ping(told.world, REGISTRY, "hooks")
    await told.model.drain()
    told.model.clock.turn(timedelta(days=29).total_seconds())
    await retention.expire(told.world)
    assert len(await told.notices()) == 1
    told.model.clock.turn(timedelta(days=2).total_seconds())
    await retention.expire(told.world)
    assert await told.notices() == []


async def test_a_registry_that_is_removed_takes_its_targets_along(told):
    told.world.registrations._seeds = {}
    (registered,) = await told.world.registrations.all()
    await told.world.registrations.put(registered)
    await told.add()
    await remove_registry(told.world, REGISTRY)
    assert [row async for row in told.model.store.query(WEBHOOKS)] == []
