"""`baselift notify`: who is told, and whether it works."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest
from cli.inside import Inside
from live_app import Live
from receiver import receiving

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def baselift(live: Live, tmp_path: Path) -> Inside:
    return Inside(live.url, tmp_path)


def test_a_target_is_added_tested_listed_and_removed(baselift):
    with receiving() as receiver:
        added = baselift("notify", "add", "hooks", "--uri", f"{receiver.url}?code=hidden", "--header", "X-By=baselift")
        assert added.code == 0, added.err
        assert len(added.json["actions"]) == 5
        assert "hidden" not in added.out
        tested = baselift("notify", "test", "hooks", "--output", "tsv")
        assert tested.code == 0, tested.err
        assert [row[1:2] + row[3:6] for row in tested.rows] == [["ping", "delivered", "1", "answered 204"]]
    ((headers, body),) = receiver.taken
    assert headers["x-by"] == "baselift"
    key = base64.b64decode(added.json["secret"].removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()}"
    listed = baselift("notify", "list", "--output", "table")
    assert "hooks" in listed.out
    assert "127.0.0.1" in listed.out
    assert added.json["secret"] not in baselift("notify", "list").out
    assert baselift("notify", "events", "hooks").json[0]["state"] == "delivered"
    assert baselift("notify", "remove", "hooks").code == 0
    gone = baselift("notify", "remove", "hooks")
    assert gone.code != 0
    assert "does not exist" in gone.err


def test_a_target_that_does_not_accept_is_told_so(baselift):
    with receiving(refusals=100) as receiver:
        baselift("notify", "add", "refusing", "--uri", receiver.url, "--action", "run_failed")
        tested = baselift("notify", "test", "refusing")
        assert tested.code == 1
        assert tested.err == "ERROR: 'refusing' did not accept the event: answered 503. It is sent again later.\n"
    baselift("notify", "remove", "refusing")


def test_a_secret_is_read_and_not_shown_and_a_task_limits_what_is_told(baselift):
    words = ("notify", "add", "scoped", "--uri", "https://hooks.example/", "--task", "app-*", "--secret-stdin")
    added = baselift(*words, typed=f"{SECRET}\n")
    assert added.code == 0, added.err
    assert (added.json["actions"], added.json["scope"]) == (["run_succeeded", "run_failed"], "app-*")
    assert "secret" not in added.json
    topic = "https://t.westeurope-1.eventgrid.azure.net/api/events"
    assert baselift("notify", "add", "topic", "--uri", topic, "--event-grid").json["kind"] == "eventgrid"
    for name in ("scoped", "topic"):
        baselift("notify", "remove", name)


@pytest.mark.parametrize(
    ("words", "typed", "told"),
    [
        (("add", "hooks", "--uri", "nowhere"), "", "an http:// or https:// URL"),
        (("add", "hooks", "--uri", "https://x.example", "--secret-stdin"), "", "standard input is empty"),
        (("add", "hooks", "--uri", "https://x.example", "--secret-stdin"), "short", "24 to 64 bytes in base64"),
        (("add", "no", "--uri", "https://x.example"), "", "5 to 50 characters"),
        (("add", "hooks", "--uri", "https://x.example", "--header", "novalue"), "", "must be NAME=VALUE"),
        (("test", "absent"), "", "does not exist"),
        (("events", "absent"), "", "does not exist"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(baselift, words, typed, told):
    done = baselift("notify", *words, typed=typed)
    assert done.code != 0
    assert told in done.err
    assert len(done.err.splitlines()) == 1
