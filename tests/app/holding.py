"""A door to a server that can be held shut: who asks for certain things waits until the door is taken away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

_OF_THE_CONNECTION = {"transfer-encoding", "connection", "content-length", "keep-alive"}


@dataclass
class Door:
    """Carries requests to a server, but for those that `holds` names by method and path."""

    behind: str
    holds: Callable[[str, str], bool] = lambda *_: False
    port: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        body = await request.content.read()  # `request.read` takes no more than 1 MiB, less than some layers have
        if self.holds(request.method, request.path_qs):
            self.reached.set()
            await asyncio.Event().wait()
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                f"{self.behind}{request.path_qs}",
                data=body,
                headers=request.headers,
                allow_redirects=False,
            ) as answer,
        ):
            kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in _OF_THE_CONNECTION]
            return web.Response(status=answer.status, headers=dict(kept), body=await answer.read())


@asynccontextmanager
async def door(behind: str) -> AsyncIterator[Door]:
    """A door on a port of its own."""
    made = Door(behind)
    runner = web.ServerRunner(web.Server(made), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        await runner.cleanup()
