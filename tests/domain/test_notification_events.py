"""Events of runs and waves as documents, whom they are for, and how they are signed."""

import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baselift.domain import eventgrid, notifications
from baselift.domain.notifications import ACTIONS, Happening, WaveFacts
from baselift.domain.runs import Cause, ImageDescriptor, Run, Status
from baselift.domain.waves.states import Moved, Tally, WaveState

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD, NEW, MADE = (f"sha256:{letter * 64}" for letter in "abc")
BASE = ImageDescriptor("r.example", "base", "1", NEW)
CAUSE = Cause("image", "1767225600-00000000-abc/3/1", AT.isoformat(), (BASE,))
RUN = Run("Contoso", 10, "daa", CAUSE, {}, AT, "AutoBuild", task="app", status=Status.SUCCEEDED, finished=AT)
RUN = replace(RUN, outputs=(ImageDescriptor("r.example", "app", "daa", MADE),))
MOVED = Moved("r.example/base:1", NEW, 2, before=OLD)
FACTS = WaveFacts("1767225600-00000000", (MOVED,), AT.isoformat(), AT.isoformat(), {"failed": 1}, ("app",))
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def happened(run: Run = RUN) -> Happening:
    found = notifications.of_run(run, (MOVED,), FACTS.id)
    assert found is not None
    return found


def test_an_event_is_a_cloud_event_that_says_what_to_redeploy_and_why():
    event = json.loads(notifications.document(happened(), "/subscriptions/s/registries/contoso"))
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": "contoso-run-daa",
        "source": "/subscriptions/s/registries/contoso",
        "type": "baselift.run.succeeded",
        "subject": "tasks/app/runs/daa",
        "time": "2026-11-24T12:00:00+00:00",
        "datacontenttype": "application/json",
    }
    assert (data["registry"], data["run"], data["task"], data["error"]) == ("Contoso", "daa", "app", None)
    assert data["images"] == [{"reference": "r.example/app:daa", "digest": MADE, "pinned": f"r.example/app@{MADE}"}]
    assert data["cause"]["bases"] == [{"image": "r.example/base:1", "before": OLD, "after": NEW}]
    assert (data["cause"]["trigger"], data["cause"]["wave"]) == ("Image Update", FACTS.id)


@pytest.mark.parametrize("status", [Status.FAILED, Status.ERROR, Status.TIMEOUT])
def test_a_run_that_did_not_succeed_is_told_with_its_error(status):
    found = happened(replace(RUN, status=status, error="no space left", task=None))
    assert (found.action, found.subject, found.data["error"]) == ("run_failed", "runs/daa", "no space left")
    assert found.data["status"] == status


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.CANCELED])
def test_a_run_that_goes_on_or_was_canceled_is_not_told(status):
    assert notifications.of_run(replace(RUN, status=status)) is None


def test_a_long_error_is_cut():
    assert len(happened(replace(RUN, status=Status.FAILED, error="x" * 100_000)).data["error"]) == 4000


def test_a_wave_is_told_as_far_as_it_has_come_and_each_halt_and_end_is_an_event_of_its_own():
    going = Tally(3)
    halted = replace(going, state=WaveState.HALTED, halted=AT, note="halted: 1 of 3")
    again = replace(halted, halted=AT + timedelta(seconds=1))
    over = replace(going, settled=3, state=WaveState.FINISHED, ended=AT)
    told = [[each.id for each in notifications.of_wave(FACTS, tally)] for tally in (going, halted, again, over)]
    start = f"wave-{FACTS.id}-started"
    assert told[0] == [start]
    assert [len(each) for each in told[1:]] == [2, 2, 2]
    assert all(each[0] == start for each in told)
    assert len({each[1] for each in told[1:]}) == 3
    finished = notifications.of_wave(FACTS, over)[1]
    assert finished.action == "wave_finished"
    assert (finished.data["state"], finished.data["states"], finished.data["left"]) == (
        "finished",
        {"failed": 1},
        ["app"],
    )


@pytest.mark.parametrize(
    ("actions", "scope", "told"),
    [
        (ACTIONS, "", True),
        (("run_succeeded",), "", True),
        (("run_failed",), "", False),
        (ACTIONS, "APP", True),
        (ACTIONS, "a*", True),
        (ACTIONS, "ap", False),
        (ACTIONS, "other*", False),
    ],
)
def test_a_target_is_told_what_it_wants_of_the_tasks_it_names(actions, scope, told):
    assert notifications.wanted(happened(), actions, scope) is told


def test_who_names_tasks_is_not_told_of_waves_and_builds_of_no_task():
    (started,) = notifications.of_wave(FACTS, Tally(1))
    assert not notifications.wanted(started, ACTIONS, "*")
    assert not notifications.wanted(happened(replace(RUN, task=None)), ACTIONS, "*")


def test_the_signature_is_that_of_standard_webhooks():
    # The example of the specification's own reference libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
    identifier = "msg_p5jXN8AQM9LWM0D4loKWxJek"  # pragma: allowlist secret
    signed = notifications.signature(secret, identifier, 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_guides_verification_takes_what_is_signed_and_nothing_else():
    guide = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()
    found = re.search(r"```python\n(.*?)```", guide, re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(found[1], names)
    verify, now, body = names["verify"], int(time.time()), b'{"a":1}'

    def headers(at: int, signed: str) -> dict[str, str]:
        return {"webhook-id": "a", "webhook-timestamp": str(at), "webhook-signature": signed}

    good = notifications.signature(SECRET, "a", now, body)
    assert verify(SECRET, headers(now, good), body)
    assert verify(SECRET, headers(now, f"v1,other {good}"), body)
    assert not verify(SECRET, headers(now, good), body + b" ")
    assert not verify(SECRET, headers(now + 1, good), body)
    assert not verify(SECRET, headers(now - 301, notifications.signature(SECRET, "a", now - 301, body)), body)


def test_each_of_several_secrets_signs_so_that_one_can_be_replaced():
    other = "whsec_" + base64.b64encode(bytes(24)).decode()
    words = notifications.signature(f"{other} {SECRET}", "a", 1, b"body").split()
    expected = base64.b64encode(hmac.digest(bytes(range(32)), b"a.1.body", hashlib.sha256)).decode()
    assert len(words) == 2
    assert words[1] == f"v1,{expected}"


@pytest.mark.parametrize(
    "text", ["", "   ", "short", "whsec_", "whsec_####", "whsec_c2hvcnQ=", SECRET[6:], f"{SECRET} x"]
)
def test_what_cannot_sign_is_refused(text):
    with pytest.raises(ValueError, match="'whsec_' and 24 to 64 bytes in base64"):
        notifications.check_secret(text)


def test_an_endpoint_of_a_trigger_is_sent_the_token_and_what_moved():
    whole = json.loads(notifications.update_trigger(RUN, "dG9rZW4=", "Default"))
    assert whole["updateTriggerToken"] == "dG9rZW4="
    assert whole["imageUpdateTrigger"]["images"] == [
        {"registry": "r.example", "repository": "base", "tag": "1", "digest": NEW}
    ]
    assert whole["imageUpdateTrigger"]["id"] == RUN.trigger_id
    assert whole["run"]["images"][0]["digest"] == MADE
    assert json.loads(notifications.update_trigger(RUN, None, "Token")) == {"updateTriggerToken": None}


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("https://t.westeurope-1.eventgrid.azure.net/api/events", "https://eventgrid.azure.net"),
        ("https://t.x.eventgrid.azure.cn/api/events?api-version=2018-01-01", "https://eventgrid.azure.cn"),
        ("http://t.westeurope-1.eventgrid.azure.net/api/events", None),
        ("https://eventgrid.azure.net.evil.example/", None),
        ("https://evileventgrid.azure.net/", None),
        ("https://x@evil.example/.eventgrid.azure.net", None),
    ],
)
def test_a_topic_is_known_by_its_host(url, audience):
    assert eventgrid.audience(url) == audience
