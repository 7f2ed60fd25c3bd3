"""Requests of clients that cannot reach the storage account, carried there and back."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

LIMIT = 64 << 20
"""Bytes of one request or answer, which is held in memory: Azure's own clients send up to so much at once."""
AT_ONCE = 4
"""Answers held at the same time; who comes then waits."""

_CHUNK = 64 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=5)
_QUERY = ("comp", "blockid")
_COMPONENTS = ("", "block", "blocklist")
_SENT = (
    "content-md5",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "range",
    "x-ms-blob-content-md5",
    "x-ms-blob-content-type",
    "x-ms-blob-type",
    "x-ms-client-request-id",
    "x-ms-content-crc64",
    "x-ms-range",
    "x-ms-range-get-content-md5",
    "x-ms-version",
)
"""What clients may say to the storage: nothing by which it would read from elsewhere or change more than the blob."""
_RETURNED = (
    "accept-ranges",
    "content-length",
    "content-md5",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
)
_REFUSED = frozenset({401, 403})


class Unrelayed(Exception):
    """The request is not carried to the storage, or its answer not back; the message is for the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Message:
    """A client's request; header names in lower case."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """The storage's answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Relay:
    """Carries requests over one pool of connections. Belongs to the loop that first uses it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def send(self, url: str, message: Message) -> Answer:
        """Carry a request to the blob at `url`, a link with its own permission.

        Raises:
            Unrelayed: it asks for more than reading or writing the blob, is too large, or the storage is away.
        """
        if message.query.get("comp", "") not in _COMPONENTS or (message.method != "PUT" and "comp" in message.query):
            raise Unrelayed(400, "comp must be block or blocklist, in a PUT, or be left out")
        if len(message.body) > LIMIT:
            raise Unrelayed(413, f"The request has {len(message.body)} bytes, at most {LIMIT} go: upload in blocks.")
        target = URL(url, encoded=True).update_query({k: message.query[k] for k in _QUERY if k in message.query})
        headers = {name: message.headers[name] for name in _SENT if name in message.headers}
        try:
            async with (
                self._gate,
                self._opened().request(
                    message.method,
                    target,
                    data=message.body if message.method == "PUT" else None,
                    headers={"Accept-Encoding": "identity", **headers},
                    allow_redirects=False,
                ) as response,
            ):
                return await _answer(message.method, response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unrelayed(503, f"The storage gave no answer ({type(error).__name__}).") from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Azurite closes a connection after 5 seconds without a word.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=4),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_TIMEOUT,
                trust_env=True,
                auto_decompress=False,
            )
        return self._session


async def _answer(method: str, response: aiohttp.ClientResponse) -> Answer:
    if response.status in _REFUSED:
        # Its explanation tells how our own signature was made.
        raise Unrelayed(502, "The storage refused the app.")
    body = b"" if method == "HEAD" else await _bounded(response)
    kept = {name.lower(): value for name, value in response.headers.items()}
    headers = {name: value for name, value in kept.items() if name in _RETURNED or name.startswith("x-ms-")}
    return Answer(response.status, headers, body)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises Unrelayed when it is too large, as early as that is known."""
    body, announced = bytearray(), response.content_length or 0
    if announced <= LIMIT:
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > LIMIT:
                break
        else:
            return bytes(body)
    size = f"{announced} bytes" if announced else "more bytes than that"
    raise Unrelayed(413, f"The answer has {size}, at most {LIMIT} go: ask for a range.")
