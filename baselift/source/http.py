"""Download an archive over http(s)."""

import asyncio
import socket
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from baselift.domain.builds import Credential, Failure
from baselift.domain.contexts import split_credential
from baselift.source.addresses import Endpoint, check
from baselift.source.authorization import basic
from baselift.source.limits import Limits

_TRIES = 3
_HOPS = 5
_CHUNK = 256 << 10
_MOVED = (301, 302, 303, 307, 308)
_OK = 200
_SERVER_ERROR = 500


class _Again(Exception):
    """Worth another try."""


async def download(
    url: str,
    into: Path,
    *,
    plain_http_hosts: Collection[str],
    limits: Limits,
    credential: Credential | None = None,
) -> None:
    """Write the body at `url` to the file `into`: three tries, redirects followed one checked address at a time.

    Raises:
        Failure: refused (4xx at once), unreachable, a redirect to where nothing may be fetched, or over the limit.
    """
    for attempt in range(_TRIES):
        try:
            await _follow(url, into, plain_http_hosts, limits, credential)
        except (_Again, aiohttp.ClientError, TimeoutError, OSError) as error:
            why = str(error) if isinstance(error, _Again) else reason(error)
        else:
            return
        if attempt + 1 < _TRIES:
            await asyncio.sleep(limits.pause * 2**attempt)
    raise Failure(f"{_shown(url)} could not be downloaded in {_TRIES} tries: {why}")


async def _follow(
    url: str, into: Path, plain_http_hosts: Collection[str], limits: Limits, credential: Credential | None
) -> None:
    origin = (await check(url, plain_http_hosts)).origin
    for _ in range(_HOPS):
        endpoint = await check(url, plain_http_hosts)
        further = await _get(url, endpoint, into, limits.bytes, credential if endpoint.origin == origin else None)
        if further is None:
            return
        url = _onward(url, further)
    raise Failure(f"{_shown(url)} is redirected more than {_HOPS} times")


def _onward(url: str, location: str) -> str:
    try:
        return split_credential(urljoin(url, location))[0]
    except ValueError:
        raise Failure(f"{_shown(url)} is redirected to a malformed address") from None


async def _get(url: str, endpoint: Endpoint, into: Path, limit: int, credential: Credential | None) -> str | None:
    """Fetch one address; the address to go on with, when it is a redirect."""
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": basic(credential)} if credential else {})
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)
    connector = aiohttp.TCPConnector(resolver=Pinned(endpoint))
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session,
        session.get(url, allow_redirects=False, headers=headers) as response,
    ):
        if response.status in _MOVED and "Location" in response.headers:
            return response.headers["Location"]
        _check_status(url, response.status)
        with await asyncio.to_thread(into.open, "wb") as file:
            await _save(response.content, file, limit, lambda: _shown(url))
    return None


def _check_status(url: str, status: int) -> None:
    if status >= _SERVER_ERROR:
        raise _Again(f"the server answered {status}")
    if status != _OK:
        raise Failure(f"{_shown(url)} cannot be downloaded: the server answered {status}, not 200")


async def _save(content: aiohttp.StreamReader, file: BinaryIO, limit: int, shown: Callable[[], str]) -> None:
    size = 0
    async for chunk in content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise Failure(f"{shown()} is larger than {limit} bytes, the limit for a build context")
        await asyncio.to_thread(file.write, chunk)


class Pinned(AbstractResolver):
    """Answers with the addresses that were checked."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - the interface has it
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._endpoint.addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def reason(error: BaseException) -> str:
    """Why a request got no answer, for people."""
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke before the end"
    return type(error).__name__ if isinstance(error, aiohttp.ClientError) else str(error)


def _shown(url: str) -> str:
    return url.partition("?")[0]
