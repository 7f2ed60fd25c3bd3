"""Webhooks on the running app: a base moves, and another system hears what started, what was built, what is done."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest
from live_app import REGISTRY_ID, WHERE, Live, until
from receiver import Receiver, receiving

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BASE = "told/base:1"
ACTIONS = ["wave_started", "wave_halted", "wave_finished", "run_succeeded", "run_failed"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(refusals=2) as made:
        yield made


def wanted(uri: str, **given: Any) -> dict[str, Any]:
    properties = {"serviceUri": uri, "actions": ACTIONS, "secret": SECRET} | given
    return {"location": "local", "properties": properties}


def verified(headers: dict[str, str], body: bytes) -> bool:
    """As docs/notifications.md has it."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
    return any(hmac.compare_digest(expected, each) for each in headers["webhook-signature"].split())


def test_a_receiver_that_fails_twice_hears_of_a_movement_in_the_end(live: Live, receiver: Receiver):
    live.push_base(BASE, "1")
    context = live.git.create("told", {"Dockerfile": f"FROM {live.host}/{BASE}\nRUN echo $VERSION\n"})
    step = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": context, "imageNames": ["told/app:1"]}
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime"}}
    live.client.tasks.create(
        *WHERE, "told-app", {"location": "local", "properties": {"step": step, "trigger": trigger}}
    )
    until(lambda: live.ask("GET", "tasks/told-app/edges").json["value"] or None)
    scoped = {"actions": ["run_succeeded"], "scope": "told-*"}
    assert live.ask("PUT", "webhooks/toldall", wanted(receiver.url)).status == 200
    assert live.ask("PUT", "webhooks/toldapp", wanted(f"{receiver.url}/app", **scoped)).status == 200
    base = live.push_base(BASE, "2").properties.output_images[0].digest
    types = {"baselift.wave.started", "baselift.wave.finished", "baselift.run.succeeded"}

    def heard() -> list[Any] | None:
        found = [
            event for event in receiver.events if event["data"].get("task") == "told-app" or "wave" in event["data"]
        ]
        return found if {event["type"] for event in found} == types else None

    events = until(heard, 60)
    assert all(verified(headers, body) for headers, body in receiver.taken)
    assert {headers["content-type"] for headers, _ in receiver.taken} == {"application/cloudevents+json; charset=utf-8"}
    built = next(event for event in events if event["type"] == "baselift.run.succeeded")
    assert built["source"] == REGISTRY_ID
    image = built["data"]["images"][0]
    assert image["pinned"] == f"{live.host}/told/app@{image['digest']}"
    assert built["data"]["cause"]["bases"][0]["after"] == base
    assert built["data"]["cause"]["bases"][0]["before"] not in (None, base)

    def told() -> list[Any] | None:
        found = live.ask("POST", "webhooks/toldapp/listEvents").json["value"]
        return found if found and all(each["state"] == "delivered" for each in found) else None

    (own,) = until(told)
    assert (own["id"], own["attempts"], own["eventResponseMessage"]["statusCode"]) == (built["id"], 3, "204")
    assert receiver.tries["/in/app", built["id"]] == 3
    for name in ("toldall", "toldapp"):
        assert live.ask("DELETE", f"webhooks/{name}").status == 200


def test_a_webhook_is_a_resource_whose_address_and_secret_are_shown_to_who_asks_for_them_alone(live: Live):
    given = wanted("https://hooks.example/in?code=hidden", customHeaders={"Authorization": "Bearer theirs"})
    made = live.ask("PUT", "webhooks/whole01", given)
    assert made.status == 200
    assert made.json == {
        "id": f"{REGISTRY_ID}/webhooks/whole01",
        "name": "whole01",
        "type": "Microsoft.ContainerRegistry/registries/webhooks",
        "location": "local",
        "tags": {},
        "properties": {
            "provisioningState": "Succeeded",
            "status": "enabled",
            "actions": ACTIONS,
            "kind": "webhook",
            "serviceHost": "hooks.example",
        },
    }
    assert live.ask("GET", "webhooks/WHOLE01").json == made.json
    assert made.json in live.ask("GET", "webhooks").json["value"]
    config = live.ask("POST", "webhooks/whole01/getCallbackConfig").json
    assert config == {name: given["properties"][name] for name in ("serviceUri", "customHeaders", "secret")}
    changed = live.ask("PATCH", "webhooks/whole01", {"properties": {"status": "disabled", "actions": ["run_failed"]}})
    assert (changed.json["properties"]["status"], changed.json["properties"]["actions"]) == ("disabled", ["run_failed"])
    assert live.ask("POST", "webhooks/whole01/getCallbackConfig").json == config
    refused = live.ask("POST", "webhooks/whole01/ping")
    assert (refused.status, refused.code) == (409, "Conflict")
    assert [live.ask("DELETE", "webhooks/whole01").status for _ in range(2)] == [200, 204]
    assert live.ask("GET", "webhooks/whole01").status == 404
    assert live.ask("PATCH", "webhooks/whole01", {"tags": {}}).status == 404
    assert live.ask("POST", "webhooks/whole01/listEvents").code == "ResourceNotFound"


def test_a_webhook_without_a_secret_gets_one_and_keeps_it(live: Live):
    given = wanted("https://hooks.example/in", secret=None)

    def kept() -> str:
        assert live.ask("PUT", "webhooks/nosecret", given).status == 200
        return str(live.ask("POST", "webhooks/nosecret/getCallbackConfig").json["secret"])

    first = kept()
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32
    assert kept() == first
    live.ask("DELETE", "webhooks/nosecret")
    assert kept() != first
    live.ask("DELETE", "webhooks/nosecret")


TOPIC = {"kind": "eventgrid", "serviceUri": "https://t.westeurope-1.eventgrid.azure.net/api/events"}


@pytest.mark.parametrize(
    ("name", "properties", "message"),
    [
        ("abcd", {}, "The webhook name 'abcd' must be 5 to 50 characters of A-Z a-z 0-9"),
        ("some-hook", {}, "The webhook name 'some-hook'"),
        ("wronghook", {"serviceUri": None}, "properties.serviceUri is required"),
        (
            "wronghook",
            {"serviceUri": "ftp://x"},
            "properties.serviceUri is wrong: it must be an http:// or https:// URL",
        ),
        ("wronghook", {"actions": None}, "properties.actions is required"),
        ("wronghook", {"actions": ["push"]}, "properties.actions[0] is 'push': it must be 'wave_started' or"),
        ("wronghook", {"actions": ["push"]}, "told by the registry itself"),
        ("wronghook", {"status": "on"}, "properties.status is 'on': it must be 'enabled' or 'disabled'"),
        ("wronghook", {"kind": "mail"}, "properties.kind is 'mail': it must be 'webhook' or 'eventgrid'"),
        ("wronghook", {"actions": ["run_failed"], "scope": "a/b"}, "the name of a task, in which * stands for"),
        ("wronghook", {"scope": "app"}, "scope names tasks, and a wave has many"),
        ("wronghook", {"secret": "tooshort"}, "secret must be 'whsec_' and 24 to 64 bytes in base64"),
        ("wronghook", {"customHeaders": {"webhook-id": "1"}}, "a header that Baselift does not send itself"),
        ("wronghook", {"customHeaders": {"Content-Type": "1"}}, "a header that Baselift does not send itself"),
        ("wronghook", {"customHeaders": {"a": "b\r\nc: d"}}, "one line without control characters"),
        ("wronghook", {"kind": "eventgrid", "secret": None}, "without a secret, serviceUri must be https on a host"),
    ],
)
def test_what_cannot_be_is_refused_names_the_field_and_is_not_stored(live: Live, name, properties, message):
    refused = live.ask("PUT", f"webhooks/{name}", wanted("https://hooks.example/in", **properties))
    assert (refused.status, refused.code) == (400, "InvalidRequest")
    assert message in refused.message
    assert "tooshort" not in refused.message
    assert live.ask("GET", f"webhooks/{name}").status == 404


def test_a_topic_needs_no_secret_where_the_identity_may_publish(live: Live):
    made = live.ask("PUT", "webhooks/topic01", wanted(TOPIC["serviceUri"], kind="eventgrid", secret=None))
    assert made.status == 200
    assert live.ask("POST", "webhooks/topic01/getCallbackConfig").json["secret"] is None
    live.ask("DELETE", "webhooks/topic01")


def test_a_private_address_that_is_not_listed_is_told_nothing(live: Live):
    live.ask("PUT", "webhooks/private1", wanted("https://169.254.169.254/metadata"))
    identifier = live.ask("POST", "webhooks/private1/ping").json["id"]

    def tried() -> Any:
        found = live.ask("POST", "webhooks/private1/listEvents").json["value"]
        return next((each for each in found if each["id"] == identifier and each["attempts"]), None)

    event = until(tried)
    assert event["eventResponseMessage"]["statusCode"] is None
    assert "its address 169.254.169.254 is not public" in event["eventResponseMessage"]["reasonPhrase"]
    assert event["eventRequestMessage"] == {
        "content": {"id": identifier, "action": "ping", "timestamp": event["cloudEvent"]["time"]},
        "method": "POST",
        "requestUri": "https://169.254.169.254",
    }
    assert event["cloudEvent"]["type"] == "baselift.ping"
    live.ask("DELETE", "webhooks/private1")
