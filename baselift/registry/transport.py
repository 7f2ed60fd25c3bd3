"""Requests to registries: login, redirects, a limit per host, and connection errors in the project's words."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from baselift.domain.builds import Failure
from baselift.registry import answers
from baselift.registry.auth import Challenge, Logins, Token, TokenSource, challenges
from baselift.registry.errors import RegistryError, unreachable, unusable
from baselift.registry.hosts import Access, Hosts
from baselift.registry.realm import read_token, token_request
from baselift.registry.retry import Retry

Body = Callable[[], AsyncIterator[bytes]]
_REDIRECTS = 5
_REDIRECT_STATUS = frozenset({301, 302, 303, 307, 308})
_OK = 200
_UNAUTHORIZED = 401
_SMALL = 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a registry's API."""

    method: str
    url: URL
    expect: Collection[int] = (_OK,)
    headers: Mapping[str, str] | None = None
    body: Body | bytes | None = None
    """Bytes, or a function that starts the stream from its beginning (Content-Length is then in `headers`)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Speaks http(s) to registries. Opens its connections on first use; `close` ends them.

    Args:
        hosts: which addresses may be plain http.
        sources: registry host -> token source, for registries that take a cloud identity.
        retry: for requests that may be repeated.
        per_host: most requests under way at one registry.
        failed: is told of each request that a registry failed, those that are made again included.
    """

    def __init__(
        self,
        hosts: Hosts,
        *,
        sources: Mapping[str, TokenSource],
        retry: Retry,
        per_host: int,
        timeout: float | None,
        failed: Callable[[RegistryError], None],
    ) -> None:
        self.retry = retry
        self._hosts, self._failed = hosts, failed
        self._logins = Logins(_Realm(self), sources)
        self._gates: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))
        self._timeout = aiohttp.ClientTimeout(sock_connect=timeout, sock_read=timeout) if timeout else _TIMEOUT
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def send(self, access: Access, request: Request, limit: int = _SMALL) -> Answer:
        """Make a request that may be repeated, and read its answer of at most `limit` bytes.

        Raises:
            RegistryUnreachable: no whole answer came.
            RegistryError: the status is not expected, or the body is too large.
        """
        return await self.retry(lambda: self.send_once(access, request, limit))

    async def send_once(self, access: Access, request: Request, limit: int = _SMALL) -> Answer:
        """As `send`, without another attempt."""
        async with self.open(access, request) as response:
            body = await answers.read(response, limit, access)
            return Answer(response.status, response.headers, body)

    @asynccontextmanager
    async def open(self, access: Access, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer with its body unread, after login and redirects. Errors as in `send`."""
        with self._errors(access):
            response = await self._follow(access, request, await self._log_in(access, request))
            try:
                if response.status not in request.expect:
                    raise await answers.refusal(response, access)
                yield response
            finally:
                response.release()

    @contextmanager
    def _errors(self, access: Access) -> Iterator[None]:
        try:
            with connection_errors(access):
                yield
        except RegistryError as error:
            self._failed(error)
            raise

    async def _log_in(self, access: Access, request: Request) -> aiohttp.ClientResponse:
        if not access.is_home(request.url):
            return await self._exchange(access, request, None)
        sent = await self._logins.header(access)
        response = await self._exchange(access, request, sent)
        if response.status != _UNAUTHORIZED:
            return response
        offered = challenges(response.headers.getall("WWW-Authenticate", []))
        better = await self._logins.after_refusal(access, offered, sent)
        if better is None:
            return response
        response.release()
        return await self._exchange(access, request, better)

    async def _follow(
        self, access: Access, request: Request, response: aiohttp.ClientResponse
    ) -> aiohttp.ClientResponse:
        url, left = request.url, _REDIRECTS
        while response.status in _REDIRECT_STATUS and request.method in {"GET", "HEAD"}:
            response.release()
            if not left:
                raise unusable(access.registry, access.operation, f"more than {_REDIRECTS} redirects")
            url, left = self.target(access, url, response.headers.get("Location", "")), left - 1
            response = await self._exchange(access, Request(request.method, url), None)
        return response

    def target(self, access: Access, url: URL, location: str) -> URL:
        """Where a Location header leads from `url`; kept byte for byte, since it may be signed.

        A registry behind a proxy that ends TLS may name itself with http: its own scheme is kept then.
        """
        try:
            goal = url.join(URL(location, encoded=True))
            if goal.host and goal.raw_authority == access.root.raw_authority and goal.scheme != access.root.scheme:
                goal = URL(str(goal).replace(f"{goal.scheme}://", f"{access.root.scheme}://", 1), encoded=True)
            allowed = bool(location and goal.host) and self._hosts.is_allowed(goal)
        except ValueError:
            allowed = False
        if not allowed:
            raise unusable(access.registry, access.operation, "it names no https address to go on at")
        return goal

    async def _exchange(self, access: Access, request: Request, login: str | None) -> aiohttp.ClientResponse:
        headers = {"Accept-Encoding": "identity", **(request.headers or {})}
        if login:
            headers["Authorization"] = login
        body: Any = request.body() if callable(request.body) else request.body
        async with self._gates[access.registry]:
            return await self._connections().request(
                request.method, request.url, headers=headers, data=body, allow_redirects=False
            )

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=self._timeout,
                headers={"User-Agent": "baselift"},
            )
        return self._session

    async def fetch_token(self, access: Access, url: URL, login: str | None) -> Token:
        """Ask a token server. Raises RegistryError when it refuses."""
        if not self._hosts.is_allowed(url) or (url.scheme == "http" and access.root.scheme == "https"):
            raise unusable(access.registry, access.operation, "its token server (realm) is not https")
        with connection_errors(access):
            response = await self._exchange(access, Request("GET", url), login)
            try:
                if response.status != _OK:
                    raise await answers.refusal(response, access)
                return read_token(await answers.read(response, _SMALL, access), access)
            finally:
                response.release()


class _Realm:
    """The token source of the distribution token specification: GET at the challenge's realm."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def token(self, access: Access, challenge: Challenge) -> Token:
        url, login = token_request(access, challenge)
        return await self._transport.fetch_token(access, url, login)


@contextmanager
def connection_errors(access: Access) -> Iterator[None]:
    """Turn what aiohttp raises into `RegistryUnreachable`; our own error inside a request body comes out as it is."""
    try:
        yield
    except (aiohttp.ClientError, ConnectionError, TimeoutError) as error:
        own = _own_cause(error)
        raise own or unreachable(access.registry, access.operation, _reason(error)) from error


def _own_cause(error: BaseException) -> Failure | None:
    cause = error.__cause__
    while cause is not None and not isinstance(cause, Failure):
        cause = cause.__cause__
    return cause


def _reason(error: Exception) -> str:
    """Our words where there are any: aiohttp's own may hold a signed address."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name cannot be resolved"
    if isinstance(error, aiohttp.ClientSSLError | aiohttp.ClientConnectorCertificateError):
        return "its TLS certificate or handshake was not accepted"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return "no connection" if isinstance(error, aiohttp.ClientConnectorError) else "the connection broke off"
