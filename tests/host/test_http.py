"""HTTP functions, through a running host."""

import asyncio
import json
import logging
import socket

import pytest
import pytest_asyncio

from baselift.host.errors import HostError
from baselift.host.server import bind

from .support import CONFORMANCE, client_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def app(storage):
    async with client_of(storage, FUNCTIONS_REQUEST_BODY_SIZE_LIMIT="100000") as session:
        yield session


async def called(app, path, method="GET", **options):
    async with app.request(method, path, **options) as response:
        return (await response.json()) if response.status == 200 else response.status


async def test_functions_with_mistakes_are_named_and_the_rest_runs(app):
    assert {name: text.split(";")[0][:40] for name, text in app.host.errors.items()} == {
        "badannotation": "'req' is annotated <class 'azure.functio",
        "badargument": "The binding name my_msg is invalid: a le",
        "badconnection": "connection 'Nowhere' is not in the setti",
        "badparameters": "parameters ['request'] have no binding o",
        "badqueue": "queue name 'No--Name' is not allowed: 3 ",
        "badroute": "route 'admin/me' is reserved: no route m",
        "badschedule": "schedule 'every day' has 2 fields",
        "badsetting": "'%MISSING%' does not resolve: there is n",
        "zzconflict": "route 'Zoo/Lion' with the same methods b",
    }
    assert "items" in {function.name for function in app.host.functions}


async def test_an_optional_parameter_may_be_left_out_and_is_then_no_route_parameter(app):
    assert (await called(app, "/items"))["params"] == {}
    assert (await called(app, "/ITEMS/7/"))["params"] == {"id": "7"}


async def test_a_constraint_decides_which_function_answers(app):
    assert (await called(app, "/items/abc"))["function"] == "itemsbyname"
    assert await called(app, "/items/a") == 404


async def test_routes_are_tried_by_function_name_not_by_specificity(app):
    assert (await called(app, "/zoo/lion"))["function"] == "zooanimal"


async def test_a_wrong_method_is_not_found(app):
    assert await called(app, "/items", "DELETE") == 404
    assert await called(app, "/no/such/path") == 404


async def test_a_catch_all_takes_slashes_and_keeps_an_encoded_slash(app):
    port = int(app.host.url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /files/a%20b/c%2Fd/%C3%BC HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["params"] == {"path": "a b/c%2Fd/ü"}
    assert (await called(app, "/files"))["params"] == {}


async def test_query_and_headers_come_joined_and_without_empty_values(app):
    headers = [("X-Many", "1"), ("X-Many", "2"), ("X-Empty", "")]
    got = await called(app, "/items?a=1&b=&A=2", headers=headers)
    assert got["query"] == {"a": "1,2"}
    assert got["headers"]["x-many"] == "1,2"
    assert "x-empty" not in got["headers"]
    assert got["url"] == f"{app.host.url}/items?a=1&b=&A=2"


async def test_a_binary_body_goes_through_unchanged_even_in_chunks(app):
    body = bytes(range(256)) * 4

    async def chunks():
        yield body[:500]
        yield body[500:]

    for data in (body, chunks()):
        async with app.post("/echo", data=data) as response:
            assert await response.read() == body


async def test_a_body_over_the_limit_is_refused(app):
    async with app.post("/echo", data=b"x" * 100_001) as response:
        assert response.status == 413
    async with app.post("/echo", data=b"x" * 100_000) as response:
        assert response.status == 200


async def test_two_cookies_make_two_headers(app):
    async with app.get("/cookies") as response:
        assert response.headers.getall("set-cookie") == ["a=1; Path=/", "b=2; Secure"]


async def test_a_text_is_looked_into_as_the_host_does(app):
    async def said(text):
        async with app.get("/text", params={"say": text}) as response:
            return response.status, await response.text(), response.headers["content-type"].split(";")[0]

    assert await said("hello") == (200, "hello", "text/plain")
    assert await said('{"a":1}') == (200, '{\n  "a": 1\n}', "application/json")
    assert await said('{"status":201,"body":"made"}') == (201, "made", "text/plain")


async def test_an_exception_is_an_empty_500(app):
    for path in ("/boom", "/nothing"):
        async with app.get(path) as response:
            assert (response.status, await response.read()) == (500, b"")


async def test_a_call_over_the_function_timeout_fails(app, caplog):
    async with app.get("/slow?seconds=20") as response:
        assert response.status == 500
    assert "Timeout value of 0:00:03 exceeded by function: Functions.slow" in caplog.text


async def test_no_content_has_no_body(app):
    async with app.get("/empty") as response:
        assert (response.status, await response.read()) == (204, b"")


async def test_a_disabled_function_is_not_found(app):
    assert await called(app, "/disabled") == 404


async def test_the_context_tells_the_function_of_its_call(app):
    async with app.get("/context", headers={"traceparent": "00-1-2-01"}) as response:
        assert json.loads(await response.text()) == ["withcontext", str(CONFORMANCE), True, "00-1-2-01"]


async def test_a_call_is_logged_before_and_after_without_its_query(app, caplog):
    with caplog.at_level(logging.INFO):
        await called(app, "/items?code=s3cret")
        await called(app, "/boom?code=s3cret")
    lines = [record.getMessage() for record in caplog.records]
    assert any(line.startswith("Executing 'Functions.items' (Reason=") for line in lines)
    assert any(line.startswith("Executed 'Functions.items' (Succeeded, Id=") for line in lines)
    assert any(line.startswith("Executed 'Functions.boom' (Failed, Id=") for line in lines)
    assert "s3cret" not in caplog.text


async def test_the_admin_paths_tell_of_the_host(app):
    assert await called(app, "/admin/host/ping", "DELETE") == 404
    async with app.post("/admin/host/ping") as response:
        assert response.status == 200
    status = await called(app, "/admin/host/status")
    assert (status["state"], len(status["errors"])) == ("Running", len(app.host.errors))


async def test_the_root_is_a_page_of_the_host(app):
    async with app.get("/") as response:
        assert (response.status, response.content_type) == (200, "text/html")


async def test_answers_are_sent_without_delay_for_more_data():
    with bind("127.0.0.1", 0) as listening:
        served = await asyncio.start_server(lambda _, writer: options.set_result(writer), sock=listening)
        options = asyncio.get_running_loop().create_future()
        _, client = await asyncio.open_connection(*listening.getsockname())
        accepted = await options
        assert accepted.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        for writer in (client, accepted):
            writer.close()
            await writer.wait_closed()
        served.close()
        await served.wait_closed()


async def test_a_port_in_use_is_a_clear_error(app):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(HostError, match="cannot listen on 127"):
            bind("127.0.0.1", taken.getsockname()[1])
