"""Events that an image was pushed: Event Grid in both schemas, and the registry's webhook.

The app here gets no events from its registry and never reconciles: what a test sends is all it knows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from live_app import WHERE, Live, live_app, until

EVENT_GRID = "/runtime/webhooks/EventGrid?functionName=image_pushed"
NEVER = "0 0 0 1 1 *"
PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
DIGEST = f"sha256:{'0' * 64}"
TAKEN = ((200, []), (202, []))
"""Status and runs of an answer to a push that starts nothing, or that is looked at later: the machine may be busy."""
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="module")
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_app(tmp_path_factory.mktemp("events") / "state", notifications=False, reconcile=NEVER) as parts:
        for version in ("1", "2"):
            parts.push_base(f"node:{version}", version)
        yield parts


@dataclass(frozen=True)
class Base:
    """A watched tag of the registry, and the task that is built on it."""

    live: Live
    repository: str

    @property
    def task(self) -> str:
        return f"task-{self.repository}"

    def move(self, version: str) -> str:
        """Point the tag at a version, unseen by the app; return its digest."""
        source = self.live.send_registry("GET", f"node/manifests/{version}")
        kind = {"Content-Type": source.headers["content-type"]}
        for digest in (part["digest"] for part in [source.json["config"], *source.json["layers"]]):
            self.live.send_registry("POST", f"{self.repository}/blobs/uploads/?mount={digest}&from=node")
        put = self.live.send_registry("PUT", f"{self.repository}/manifests/live", source.content, kind)
        assert put.status == 201
        return source.headers["docker-content-digest"]

    def runs(self) -> list[Any]:
        return list(self.live.client.runs.list(*WHERE, filter=f"TaskName eq '{self.task}'"))

    def data(self) -> dict[str, Any]:
        """What Azure Container Registry says of a push."""
        return {
            "id": "1",
            "timestamp": "2026-11-24T02:36:02.1234567Z",
            "action": "push",
            "target": {
                "mediaType": MANIFEST,
                "size": 1,
                "digest": DIGEST,
                "repository": self.repository,
                "tag": "live",
            },
            "request": {"id": "1", "host": self.live.host, "method": "PUT"},
        }

    def grid_event(self, kind: str = PUSHED) -> dict[str, Any]:
        times = {"eventTime": "2026-11-24T02:36:02.1234567Z", "dataVersion": "1.0", "metadataVersion": "1"}
        return {"id": "1", "topic": "/t", "subject": "s", "eventType": kind, "data": self.data(), **times}

    def cloud_event(self) -> dict[str, Any]:
        return {"specversion": "1.0", "id": "1", "source": "/t", "type": PUSHED, "data": self.data()}

    def notification(self) -> dict[str, Any]:
        return {"events": [self.data()]}

    def assert_rebuilt_for(self, digest: str) -> None:
        """One run, because of this digest."""
        (run,) = until(lambda: self.runs() or None)
        trigger = run.properties.image_update_trigger
        assert [image.as_dict() for image in trigger.images] == [
            {"registry": self.live.host, "repository": self.repository, "tag": "live", "digest": digest}
        ]
        assert trigger.timestamp is not None
        assert run.properties.run_type == "AutoBuild"
        ended = self.live.ended(run)
        assert ended.properties.status == "Succeeded", self.live.log(run.name)
        assert f"is at {digest}" in self.live.log(run.name)


def watched(live: Live, repository: str) -> Base:
    base = Base(live, repository)
    base.move("1")
    text = f"FROM {live.host}/{repository}:live\nRUN echo $VERSION\n"
    step = {
        "type": "Docker",
        "dockerFilePath": "Dockerfile",
        "contextPath": live.git.create(repository, {"Dockerfile": text}),
        "imageNames": [f"{repository}-app:{{{{.Run.ID}}}}"],
    }
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}}
    body = {"location": "local", "properties": {"step": step, "trigger": trigger}}
    live.client.tasks.create(*WHERE, base.task, body)
    until(lambda: live.client.tasks.get(*WHERE, base.task).properties.step.base_image_dependencies)
    return base


@pytest.fixture(scope="module")
def key(deaf: Live) -> dict[str, str]:
    """What Event Grid's deliveries show: the system key that its subscription was made with."""
    return {"x-functions-key": deaf.host_keys()["eventgrid_extension"]}


@pytest.fixture
def deliver(deaf: Live, key: dict[str, str]) -> Callable[[Any], int]:
    return lambda events: deaf.send("POST", EVENT_GRID, events, {"aeg-event-type": "Notification", **key}).status


def test_event_grid_is_answered_its_validation_code(deaf, key):
    event = {
        "id": "1",
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "c0de"},
    }
    answer = deaf.send("POST", EVENT_GRID, [event], {"aeg-event-type": "SubscriptionValidation", **key})
    assert (answer.status, answer.json) == (200, {"validationResponse": "c0de"})


def test_event_grid_is_allowed_to_send_cloud_events(deaf, key):
    answer = deaf.send("OPTIONS", EVENT_GRID, None, {"WebHook-Request-Origin": "eventgrid.azure.net", **key})
    assert (answer.status, answer.headers["webhook-allowed-origin"]) == (200, "eventgrid.azure.net")


def test_event_grid_is_answered_at_a_registrys_webhook_too(deaf):
    event = {"id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "c"}}
    answer = webhook(deaf, [event], deaf.webhook_secret, "eventgrid")
    assert (answer.status, answer.json) == (200, {"validationResponse": "c"})
    assert webhook(deaf, [event | {"data": {}}], deaf.webhook_secret, "eventgrid").status == 400
    assert webhook(deaf, [event], "wrong", "eventgrid").status == 401


def test_who_asks_for_leave_to_send_cloud_events_gets_it(deaf):
    asks = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    answer = deaf.send("OPTIONS", "/webhooks/cloudevents", None, asks)
    told = [answer.headers[f"webhook-allowed-{what}"] for what in ("origin", "rate")]
    assert (answer.status, told) == (200, ["*", "*"])
    assert deaf.send("OPTIONS", "/webhooks/cloudevents").code == "InvalidRequest"


@pytest.mark.parametrize("schema", ["grid", "cloud"])
def test_an_event_of_a_moved_base_makes_one_run_however_often_it_comes(deaf, deliver, schema):
    base = watched(deaf, f"{schema}-base")
    digest = base.move("2")
    event = [base.grid_event()] if schema == "grid" else base.cloud_event()
    assert base.runs() == []
    assert [deliver(event) for _ in range(5)] == [202] * 5
    base.assert_rebuilt_for(digest)


def test_an_event_of_a_base_that_did_not_move_makes_no_run(deaf, deliver):
    base = watched(deaf, "still-base")
    assert deliver([base.grid_event()]) == 202
    assert base.runs() == []


def test_other_events_and_unknown_images_make_no_run_and_are_taken(deaf, deliver):
    base = watched(deaf, "other-base")
    base.move("2")
    unknown = Base(deaf, "nobody-uses-this")
    events = [base.grid_event("Microsoft.ContainerRegistry.ImageDeleted"), unknown.grid_event()]
    assert deliver(events) == 202
    assert base.runs() == []


def webhook(live: Live, body: Any, secret: str | None, dialect: str = "distribution") -> Any:
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    return live.send("POST", f"/webhooks/{dialect}", body, headers)


def test_a_webhook_without_the_secret_is_refused_before_its_body_is_read(deaf):
    base = watched(deaf, "secret-base")
    base.move("2")
    for secret in (None, "", "wrong", deaf.webhook_secret[:-1]):
        for body in (base.notification(), b"garbage"):
            answer = webhook(deaf, body, secret)
            assert (answer.status, answer.code) == (401, "Unauthorized")
            assert deaf.webhook_secret.encode() not in answer.content
    answer = webhook(deaf, base.notification(), deaf.webhook_secret, "no-such-dialect")
    assert (answer.status, answer.code) == (401, "Unauthorized")
    assert base.runs() == []


@pytest.mark.parametrize("body", [b"", b"garbage", b"[]", b"7", b'{"events": 7}', b"[" * 100_000])
def test_a_webhook_with_the_secret_and_garbage_is_a_bad_request(deaf, body):
    answer = webhook(deaf, body, deaf.webhook_secret)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_a_bad_event_of_a_batch_is_said_and_the_good_ones_are_taken(deaf):
    base = watched(deaf, "batch-base")
    base.move("2")
    events = [base.grid_event() | {"data": 7}, base.grid_event(), *[7] * 8]
    answer = webhook(deaf, events, deaf.webhook_secret, "eventgrid")
    assert answer.status in (200, 202)
    first, *_, last = answer.json["refused"]
    assert (first, last) == ("field '[0].data' is a number: it must be an object", "and 4 more")
    assert f"of an event of 'eventgrid' this is left aside: {first}" in (deaf.directory / "app.log").read_text()
    assert len(until(lambda: base.runs() or None)) == 1


def test_bad_events_alone_are_refused_unless_their_sender_repeats_them_for_ever(deaf):
    assert webhook(deaf, [7, {}], deaf.webhook_secret, "eventgrid").status == 400
    answer = webhook(deaf, {"events": [{"target": 7}]}, deaf.webhook_secret)
    assert (answer.status, answer.json["runs"], len(answer.json["refused"])) == (200, [], 1)


def test_a_webhook_that_is_too_large_is_refused(deaf):
    answer = webhook(deaf, b" " * 2_000_000, deaf.webhook_secret)
    assert (answer.status, answer.code) == (413, "RequestEntityTooLarge")


def test_a_webhook_of_an_unknown_image_is_taken(deaf):
    answer = webhook(deaf, Base(deaf, "nobody-uses-this").notification(), deaf.webhook_secret)
    assert (answer.status, answer.json["runs"]) in TAKEN


def test_a_webhook_of_a_moved_base_answers_with_the_run_it_made_or_that_it_will_be_looked_at(deaf):
    base = watched(deaf, "hooked-base")
    digest = base.move("2")
    answer = webhook(deaf, base.notification(), deaf.webhook_secret)
    runs = [run.name for run in until(lambda: base.runs() or None)]
    assert (answer.status, answer.json["runs"]) in ((200, runs), TAKEN[1])
    base.assert_rebuilt_for(digest)
    again = webhook(deaf, base.notification(), deaf.webhook_secret)
    assert (again.status, again.json["runs"]) in TAKEN


def test_the_registrys_own_notification_is_enough(live, base):
    _ = base
    live.push_base("node:1", "1")
    live.push_base("node:2", "2")
    followed = watched(live, "followed-base")
    digest = followed.move("2")
    until(lambda: followed.runs() or None)
    followed.assert_rebuilt_for(digest)
