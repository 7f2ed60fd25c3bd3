"""The paths under /admin, through a host that asks for no key."""

import json

import pytest
import pytest_asyncio

from .support import client_of, seen, until


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(storage):
    async with client_of(storage) as session:
        yield session


async def get(app, path):
    async with app.get(path) as response:
        return await response.json() if response.status == 200 else response.status


async def post(app, path, **options):
    async with app.post(path, **options) as response:
        return response.status


async def test_functions_are_listed_as_the_functions_host_lists_them(app):
    listed = {item["name"]: item for item in await get(app, "/admin/functions")}
    assert listed.keys() == {function.name for function in app.host.functions}
    items = listed["items"]
    assert items["href"] == f"{app.host.url}/admin/functions/items"
    assert items["invoke_url_template"] == f"{app.host.url}/items/{{id:int?}}"
    assert (items["language"], items["isDisabled"], listed["asleep"]["isDisabled"]) == ("python", False, True)
    assert [binding["type"] for binding in items["config"]["bindings"]] == ["httpTrigger", "http"]
    assert (listed["jobs"]["invoke_url_template"], listed["jobs"]["config"]["bindings"][0]["type"]) == (
        None,
        "queueTrigger",
    )


async def test_a_function_is_shown_by_its_name_in_any_case(app):
    assert (await get(app, "/admin/functions/ITEMS"))["name"] == "items"
    assert await get(app, "/admin/functions/nobody") == 404


async def test_the_status_of_a_function_tells_why_it_does_not_run(app):
    assert await get(app, "/admin/functions/items/status") == {}
    assert await get(app, "/admin/functions/badroute/status") == {"errors": [app.host.errors["badroute"]]}
    assert await get(app, "/admin/functions/nobody/status") == 404


async def called_with(app, name, text):
    assert await post(app, f"/admin/functions/{name}", json={"input": text}) == 202


async def test_a_queue_function_is_called_with_a_message(app):
    await called_with(app, "jobs", "by hand")

    async def found():
        return [item for item in (await seen(app))["seen"] if item.get("job") == "by hand"]

    assert await until(found)


async def test_an_event_function_is_called_with_an_event(app):
    event = {"id": "e1", "topic": "t", "subject": "s", "eventType": "T", "dataVersion": "1", "data": {"n": 7700}}
    await called_with(app, "pushed", json.dumps({**event, "eventTime": "2026-01-02T03:04:05Z"}))

    async def found():
        return [item for item in (await seen(app))["seen"] if item.get("event") and item["data"]["n"] == 7700]

    assert await until(found)


async def test_a_timer_function_is_called_whatever_the_input(app):
    await called_with(app, "yearly", "")

    async def found():
        return [item for item in (await seen(app))["seen"] if "yearly" in item]

    assert await until(found) == [{"yearly": False, "status": {}}]


async def test_a_disabled_http_function_is_called_all_the_same(app, caplog):
    with caplog.at_level("INFO"):
        await called_with(app, "asleep", "")

        async def ran():
            return "Executed 'Functions.asleep' (Succeeded" in caplog.text

        assert await until(ran)


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [("nobody", b'{"input":""}', 404), ("jobs", b"", 400), ("jobs", b"[]", 400), ("jobs", b'{"input":5}', 400),
     ("pushed", b'{"input":"no event"}', 400), ("pushed", b'{"input":"[]"}', 400)],
)  # fmt: skip
async def test_a_call_without_what_it_needs_is_refused(app, name, body, expected):
    assert await post(app, f"/admin/functions/{name}", data=body) == expected


async def test_paths_and_methods_that_are_not_there_are_not_found(app):
    for path in ("/admin", "/admin/host", "/admin/host/drain", "/admin/functions/items/nothing"):
        assert await get(app, path) == 404
    for path in ("/admin/host/status", "/admin/host/drain/status", "/admin/functions"):
        assert await post(app, path) == 404


async def test_a_draining_host_takes_no_messages_and_a_resumed_one_takes_them(storage):
    async with client_of(storage) as app:
        assert (await get(app, "/admin/host/drain/status"))["state"] == "Disabled"
        assert await post(app, "/admin/host/drain") == 202
        assert await post(app, "/admin/host/drain") == 202
        drained = {"state": "Completed", "outstandingInvocations": 0, "outstandingRetries": 0}
        assert await get(app, "/admin/host/drain/status") == drained
        await until(lambda: loops_ended(app))
        assert await post(app, "/sendmany?n=1") == 202

        assert await post(app, "/admin/host/resume") == 200
        assert (await get(app, "/admin/host/drain/status"))["state"] == "Disabled"

        async def found():
            return [item for item in (await seen(app))["seen"] if item.get("job") == "job 0" and item["count"] == 1]

        assert await until(found)


async def loops_ended(app):
    return not app.host._loop_tasks


async def test_a_drain_is_in_progress_while_a_call_runs(storage):
    async with client_of(storage, grace=0.2) as app:
        await called_with(app, "tick", "")
        await post(app, "/admin/host/drain")
        status = await get(app, "/admin/host/drain/status")
        assert (status["state"], status["outstandingInvocations"]) == ("InProgress", 1)

        async def completed():
            return (await get(app, "/admin/host/drain/status"))["state"] == "Completed"

        assert await until(completed)
