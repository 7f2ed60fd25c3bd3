"""What the engine `acr` makes of answers that are no success."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from parts.ports import free_ports

from baselift.app.ports import Busy
from baselift.app.remote_builds import RemotePlace
from baselift.domain.builds import Failure
from baselift.engines.acr import AcrBuilds, no_token

PLACE = RemotePlace("group", "registry")


@dataclass
class Server:
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return web.json_response(self.body, status=self.status, headers=self.headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made, app, (port,) = Server(), web.Application(), free_ports(1)
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    made.url = f"http://127.0.0.1:{port}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def builds(server: Server) -> AsyncIterator[AcrBuilds]:
    async def token() -> str:
        return "given"

    client = AcrBuilds(server.url, "sub", token)
    yield client
    await client.close()


async def test_a_request_goes_to_the_registry_with_its_key_and_token(server: Server, builds: AcrBuilds) -> None:
    server.body = {"name": "da1", "properties": {"runId": "da1"}}
    assert await builds.schedule(PLACE, "key", {"type": "DockerBuildRequest"}) == "da1"
    (request,) = server.asked
    path = "/subscriptions/sub/resourceGroups/group/providers/Microsoft.ContainerRegistry/registries/registry"
    assert (request.method, request.path) == ("POST", f"{path}/scheduleRun")
    assert request.query == {"api-version": "2025-03-01-preview"}
    assert request.headers["x-ms-client-request-id"] == "key"
    assert request.headers["Authorization"] == "Bearer given"


@pytest.mark.parametrize(("status", "pause"), [(429, 7), (503, 7), (500, 7)])
async def test_what_may_pass_is_waited_for(server: Server, builds: AcrBuilds, status: int, pause: float) -> None:
    server.status, server.headers, server.body = status, {"Retry-After": "7"}, ["no error document"]
    with pytest.raises(Busy) as caught:
        await builds.look(PLACE, "da1")
    assert caught.value.pause == pause
    assert str(status) in str(caught.value)


async def test_what_stays_so_is_a_failure_with_its_reason(server: Server, builds: AcrBuilds) -> None:
    server.status, server.body = 403, {"error": {"code": "AuthorizationFailed", "message": "no right"}}
    with pytest.raises(Failure, match=r"'registry' \(scheduleRun\) answered 403: AuthorizationFailed: no right"):
        await builds.schedule(PLACE, "key", {})
    assert not (await builds.probe(PLACE)).ok


async def test_nobody_there_is_waited_for() -> None:
    (port,) = free_ports(1)
    client = AcrBuilds(f"http://127.0.0.1:{port}", "sub", no_token)
    try:
        with pytest.raises(Busy, match=r"127\.0\.0\.1 does not answer"):
            await client.look(PLACE, "da1")
    finally:
        await client.close()


async def test_a_run_that_is_over_needs_no_cancel(server: Server, builds: AcrBuilds) -> None:
    server.status, server.body = 409, {"error": {"code": "Conflict", "message": "over"}}
    await builds.cancel(PLACE, "da1")
    assert len(server.asked) == 1


async def test_no_source_and_no_signature_go_in_clear_text_from_a_cloud() -> None:
    client = AcrBuilds("https://management.azure.com", "sub", no_token)
    with pytest.raises(Failure, match="not https"):
        client._link("http://storage.example/x?sig=1")
