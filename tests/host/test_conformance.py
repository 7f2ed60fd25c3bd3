"""The host gives what the converters of azure.functions give when the Functions worker calls them."""

import json
from base64 import b64decode

import azure.functions as func
import pytest
import pytest_asyncio
from azure.functions import get_binding_registry
from azure.functions.meta import Datum
from yarl import URL

from baselift.host.indexing import load_app
from baselift.host.settings import Settings
from baselift.host.storage import Storage

from .support import CONFORMANCE, client_of, seen, until

REGISTRY = get_binding_registry()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(storage):
    async with client_of(storage) as session:
        yield session


def function_of(app, name):
    """The function itself, from an import of its own."""
    registered = load_app(CONFORMANCE, Settings(app.settings))
    return next(item.get_user_function() for item in registered if item.get_function_name() == name)


def text(value):
    return Datum(value, "string")


async def by_converters(app, name, method, url, params, headers, body):
    """Status, body and headers of an HTTP function, by the converters alone."""
    query = dict(pair.split("=") for pair in url.partition("?")[2].split("&") if pair)
    value = {
        "method": text(method),
        "url": text(url),
        "headers": {key: text(value) for key, value in headers.items()},
        "query": {key: text(value) for key, value in query.items()},
        "params": {key: text(value) for key, value in params.items()},
        "body": Datum(body, "bytes"),
    }
    request = REGISTRY.get("httpTrigger").decode(Datum(value, "http"), trigger_metadata={})
    function = function_of(app, name)
    result = function(request)
    result = await result if hasattr(result, "__await__") else result
    encoded = REGISTRY.get("http").encode(result, expected_type=func.HttpResponse).value
    cookies = [morsel.OutputString() for jar in encoded["cookies"] or () for morsel in jar.values()]
    return int(encoded["status_code"].value), encoded["body"].value, encoded["headers"], cookies


@pytest.mark.parametrize(
    ("name", "method", "path", "params", "body"),
    [
        ("items", "GET", "/items/7?a=1&b=two", {"id": "7"}, b""),
        ("items", "POST", "/items", {}, "ünïcode".encode()),
        ("itemsbyname", "GET", "/items/abc", {"name": "abc"}, b""),
        ("files", "GET", "/files/a/b%2Fc", {"path": "a/b%2Fc"}, b""),
        ("echo", "POST", "/echo", {}, bytes(range(256))),
        ("empty", "GET", "/empty", {}, b""),
        ("cookies", "GET", "/cookies", {}, b""),
    ],
)
async def test_an_http_function_answers_the_same(app, name, method, path, params, body):
    url = f"{app.host.url}{path}"
    headers = {"x-one": "1", "content-type": "text/plain", "user-agent": "test", "accept": "*/*"}
    skip = ("accept-encoding",)
    async with app.request(
        method, URL(url, encoded=True), data=body or None, headers=headers, skip_auto_headers=skip
    ) as response:
        got = response.status, await response.read()
        got_headers, got_cookies = response.headers, response.headers.getall("set-cookie", [])
    host = {"host": url.split("/")[2], **headers, **({"content-length": str(len(body))} if body else {})}
    status, content, expected, cookies = await by_converters(app, name, method, url, params, host, body)

    if name == "items":
        assert got[0] == status
        mine, theirs = json.loads(got[1]), json.loads(content)
        for answer in (mine, theirs):
            answer["headers"] = {key: value for key, value in answer["headers"].items() if key in headers}
        assert mine == theirs
    else:
        assert got == (status, content)
    assert got_headers["content-type"] == expected["content-type"].value if status != 204 else True
    assert got_cookies == cookies


async def test_a_queue_message_reaches_the_function_the_same(app, storage):
    body = json.dumps({"a": [1, "ü"]})
    (message,) = [REGISTRY.get("queueTrigger").decode(text(body), trigger_metadata={"Id": Datum('"x"', "json")})]
    async with app.post("/admin/functions/jobs", json={"input": body}) as response:
        assert response.status == 202

    async def found():
        return [item for item in (await seen(app))["seen"] if item.get("job") == message.get_body().decode()]

    assert (await until(found))[0]["count"] == message.dequeue_count


async def test_what_a_function_returns_for_a_queue_is_the_same_message(app, storage):
    encoded = REGISTRY.get("queue").encode(["a", "b"], expected_type=list)
    assert (encoded.type, json.loads(encoded.value)) == ("json", ["a", "b"])
    queues = Storage(Settings(app.settings))
    queue = queues.queue("AzureWebJobsStorage", "out-conformance")
    async with app.post("/sent/conformance", data=encoded.value) as response:
        assert response.status == 202
    received = sorted([b64decode(message.content).decode() async for message in queue.receive_messages()])
    await queues.close()
    assert received == ["a", "b"]


@pytest.mark.parametrize("cloud", [False, True])
async def test_an_event_reaches_the_function_the_same(app, cloud):
    event = {"id": f"c{cloud}", "subject": "s", "data": {"n": 9900}}
    event |= (
        {"specversion": "1.0", "source": "/s", "type": "t"}
        if cloud
        else {"topic": "t", "eventType": "T", "dataVersion": "1", "eventTime": "2026-01-02T03:04:05Z"}
    )
    decoded = REGISTRY.get("eventGridTrigger").decode(
        Datum(json.dumps(event), "json"), trigger_metadata={"data": Datum(json.dumps(event["data"]), "json")}
    )
    url = "/runtime/webhooks/EventGrid?functionName=pushed"
    async with app.post(url, json=event, headers={"aeg-event-type": "Notification"}) as response:
        assert response.status == 202
    found = [item for item in (await seen(app))["seen"] if item.get("id") == decoded.id]
    kind = "cloud" if isinstance(decoded, func.CloudEvent) else "grid"
    assert found == [{"event": kind, "id": decoded.id, "data": decoded.get_json()}]
