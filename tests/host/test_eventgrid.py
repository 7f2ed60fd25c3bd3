"""The Event Grid webhook, through a running host."""

import pytest
import pytest_asyncio

from .support import client_of, seen

URL = "/runtime/webhooks/EventGrid?functionName=pushed"
NOTIFICATION = {"aeg-event-type": "Notification"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(storage):
    async with client_of(storage) as session:
        yield session


def grid_event(number, **data):
    return {
        "id": str(number), "topic": "/t", "subject": "s", "eventType": "Pushed", "dataVersion": "1",
        "eventTime": "2026-01-02T03:04:05.1234567Z", "data": {"n": number, **data},
    }  # fmt: skip


async def post(app, body, url=URL, **headers):
    async with app.post(url, json=body, headers=headers or NOTIFICATION) as response:
        return response.status, await response.text()


async def events(app, number):
    found = (await seen(app))["seen"]
    return [
        (item["event"], item["data"]["n"]) for item in found if item.get("event") and item["data"]["n"] // 100 == number
    ]


async def test_a_subscription_is_confirmed_with_its_code(app):
    body = [{"id": "1", "data": {"validationCode": "C0DE"}}]
    header = {"aeg-event-type": "subscriptionvalidation"}
    assert await post(app, body, **header) == (200, '{"validationResponse": "C0DE"}')
    assert (await post(app, [{"data": {}}], **header))[0] == 400


async def test_each_event_of_a_batch_is_a_call(app):
    assert (await post(app, [grid_event(100), grid_event(101)]))[0] == 202
    assert sorted(await events(app, 1)) == [("grid", 100), ("grid", 101)]


async def test_a_batch_with_a_failure_fails_whole_after_every_call(app):
    status, text = await post(app, [grid_event(200, fail="no luck"), grid_event(201)])
    assert (status, text) == (500, "no luck")
    assert len(await events(app, 2)) == 2


async def test_a_single_cloud_event_is_taken_as_such(app):
    event = {"specversion": "1.0", "id": "9", "source": "/s", "type": "t", "data": {"n": 300}}
    assert (await post(app, event))[0] == 202
    assert await events(app, 3) == [("cloud", 300)]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("eventgrid.azure.us", "eventgrid.azure.us"), ("evil.example", "eventgrid.azure.net")],
)
async def test_the_cloud_event_handshake_allows_event_grid_only(app, origin, allowed):
    async with app.options(URL, headers={"WebHook-Request-Origin": origin}) as response:
        assert (response.status, response.headers["Webhook-Allowed-Origin"]) == (200, allowed)


async def test_an_unknown_function_is_named_in_the_answer(app):
    for name in ("Pushed", "items", ""):
        answer = await post(app, [], f"/runtime/webhooks/eventgrid?functionName={name}")
        assert answer == (404, f"cannot find function: '{name}'")


async def test_what_is_no_delivery_is_a_bad_request(app):
    assert (await post(app, [], **{"aeg-event-type": "Other"}))[0] == 400
    assert (await post(app, [1]))[0] == 400
    async with app.post(URL, data=b"{", headers=NOTIFICATION) as response:
        assert response.status == 400


async def test_an_unsubscription_is_accepted(app):
    assert (await post(app, [], **{"aeg-event-type": "Unsubscribe"}))[0] == 202
