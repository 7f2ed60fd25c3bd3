"""The host's own endpoints run functions, show keys and take events: nobody gets to them without a key of the host."""

import pytest

ENDPOINTS = [
    ("GET", "/admin/host/status"),
    ("GET", "/admin/host/keys"),
    ("GET", "/admin/host/systemkeys"),
    ("GET", "/admin/functions"),
    ("POST", "/admin/functions/reconcile"),
    ("POST", "/admin/host/drain"),
    ("POST", "/admin/host/resume"),
    ("POST", "/runtime/webhooks/EventGrid?functionName=image_pushed"),
]
PAGE = {"Host": "rebound.example", "Origin": "https://page.example"}


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@pytest.mark.parametrize("headers", [{}, PAGE, {"x-functions-key": "wrong"}, {"Authorization": "Bearer x"}])
def test_without_a_key_they_are_closed(live, method, path, headers):
    sent = {"aeg-event-type": "Notification", **headers}
    assert live.send(method, path, {} if method == "POST" else None, sent).status == 401


def test_nothing_was_drained(live):
    state = live.send("GET", "/admin/host/drain/status", None, {"x-functions-key": live.host_keys()["master"]})
    assert (state.status, state.json["state"]) == (200, "Disabled")


def test_the_key_of_events_opens_nothing_else(live):
    key = {"x-functions-key": live.host_keys()["eventgrid_extension"]}
    assert live.send("GET", "/admin/host/keys", None, key).status == 403
    assert live.send("GET", "/admin/host/status", None, {"x-functions-key": live.host_keys()["master"]}).status == 200
