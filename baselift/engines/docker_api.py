"""The Docker engine's own HTTP API (Engine API 1.44: Docker 25 and newer), asked over its Unix socket.

Not through the ``docker`` command: a container's variables would be on its command line or in files, and it hides
whether 125 is its own exit code or the container's.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

import aiohttp

from baselift.domain.builds import Failure
from baselift.engines.process import to_the_end

_VERSION: Final = "v1.44"
_DEFAULT: Final = "unix:///var/run/docker.sock"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10)
_REFUSED: Final = 400
_GONE: Final = 404
_LENGTH: Final = 1500
_HEADER: Final = 8
_T = TypeVar("_T")


class Refused(Failure):
    """The engine refused a request; `status` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def find_host() -> str:
    """Where the ``docker`` of this user finds its engine: DOCKER_HOST, or its current context.

    Raises:
        Failure: it is not on this machine.
    """
    host = os.environ.get("DOCKER_HOST") or _of_context() or _DEFAULT
    if not host.startswith("unix://"):
        raise Failure(
            f"the Docker engine is at '{host}'; only one on this machine is used: unix:///PATH in DOCKER_HOST"
        )
    return host


def _of_context() -> str:
    command = ("docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


class Docker:
    """A connection to the engine at `host`, ``unix:///PATH``; a context manager."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.UnixConnector(self._host.removeprefix("unix://"), limit=0)
        self._session = aiohttp.ClientSession(f"http://docker/{_VERSION}/", connector=connector, timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._session:
            await self._session.close()

    async def ask(self, method: str, path: str, **options: Any) -> Any:
        """The answer to a request, from JSON; None for none.

        Raises:
            Failure: the engine does not answer.
            Refused: it says no.
        """
        async with self.open(method, path, **options) as response:
            text = await response.text()
        return json.loads(text) if text.strip() else None

    @asynccontextmanager
    async def open(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response to a request. Raises what `ask` does."""
        if self._session is None:
            raise RuntimeError("not connected")
        try:
            async with self._session.request(method, path, **options) as response:
                if response.status >= _REFUSED:
                    raise Refused(response.status, _message(await response.text()))
                yield response
        except (aiohttp.ClientError, OSError) as error:
            raise Failure(f"the Docker engine does not answer at {self._host}: {error}") from None

    async def attach(self, container: str) -> aiohttp.ClientResponse:
        """What a container will print, from its start on; whoever asked closes it. Raises what `ask` does."""
        if self._session is None:
            raise RuntimeError("not connected")
        query = {"stream": "1", "stdout": "1", "stderr": "1"}
        try:
            response = await self._session.post(f"{container}/attach", params=query)
        except (aiohttp.ClientError, OSError) as error:
            raise Failure(f"the Docker engine does not answer at {self._host}: {error}") from None
        if response.status >= _REFUSED:
            async with response:
                raise Refused(response.status, _message(await response.text()))
        return response

    async def remove(self, path: str, **query: str) -> None:
        """Delete something; what is gone already is no error."""
        try:
            await self.ask("DELETE", path, params=query)
        except Refused as refused:
            if refused.status != _GONE:
                raise


async def whole(request: Awaitable[_T]) -> _T:
    """A request to its end although we are cancelled: what it makes must be known, or nothing could remove it."""
    task = asyncio.ensure_future(request)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await to_the_end(_ended(task))
        raise


async def _ended(task: "asyncio.Future[_T]") -> None:
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


async def output(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """What a container without a terminal prints, both of its streams as they come (ContainerAttach, "Stream format").

    A connection that breaks ends it.
    """
    try:
        while True:
            header = await response.content.readexactly(_HEADER)
            left = int.from_bytes(header[4:], "big")
            while left and (chunk := await response.content.read(left)):
                left -= len(chunk)
                yield chunk
    except (asyncio.IncompleteReadError, aiohttp.ClientError):
        return


async def progress(response: aiohttp.ClientResponse) -> AsyncIterator[Mapping[str, Any]]:
    """The documents of an answer that tells how something goes on.

    Raises:
        Failure: it ended with an error.
    """
    async for line in response.content:
        document: dict[str, Any] = json.loads(line) if line.strip() else {}
        if "error" in document:
            raise Failure(str(document["error"])[:_LENGTH])
        yield document


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"]).strip()[:_LENGTH]
    except (ValueError, KeyError, TypeError):
        return text.strip()[:_LENGTH]
