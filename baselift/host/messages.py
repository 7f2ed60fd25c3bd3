"""HTTP requests and responses, between ASGI and the handlers of the host."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from baselift.host.routes import decode_path

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping


class BodyTooLargeError(Exception):
    """The request's body is over the limit."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose body has been read. `path` is decoded, without its outer slashes; header names are lower-case."""

    method: str
    path: str
    url: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; `headers` may repeat a name."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def json_response(status: int, value: Any) -> Response:
    """An answer of JSON."""
    return Response(status, json.dumps(value).encode(), (("content-type", "application/json; charset=utf-8"),))


def text_response(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    """An answer of text, plain unless said otherwise."""
    return Response(status, text.encode(), (("content-type", content_type),))


async def read_request(scope: MutableMapping[str, Any], receive: Any, limit: int) -> Request:
    """Read a request with its body.

    Raises:
        BodyTooLargeError: the body has more than `limit` bytes.
    """
    headers = _joined(((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]), ",")
    raw_path: bytes = scope["raw_path"]
    query = scope["query_string"].decode("latin-1")
    host = headers.get("host") or "localhost"
    url = f"{scope['scheme']}://{host}{raw_path.decode('latin-1')}{'?' + query if query else ''}"
    return Request(
        method=scope["method"].upper(),
        path=decode_path(raw_path),
        url=url,
        headers=headers,
        query=_query(query),
        body=await _body(receive, headers, limit),
    )


def _joined(pairs: Iterable[tuple[str, str]], separator: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if value:
            found[name] = f"{found[name]}{separator}{value}" if name in found else value
    return found


def _query(text: str) -> dict[str, str]:
    if not text:
        return {}
    spelled: dict[str, str] = {}
    pairs = ((spelled.setdefault(name.lower(), name), value) for name, value in parse_qsl(text))
    return _joined(pairs, ",")


async def _body(receive: Any, headers: dict[str, str], limit: int) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise BodyTooLargeError
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise BodyTooLargeError
        more = message.get("more_body", False)
    return b"".join(chunks)


async def send_response(send: Any, response: Response, *, head: bool = False) -> None:
    """Send an answer; one whose status allows no body is sent without. To a HEAD, a length that is given is kept."""
    given = next((value for name, value in response.headers if name.lower() == "content-length"), "") if head else ""
    bodiless = response.status < 200 or response.status in {204, 304}  # noqa: PLR2004
    body = b"" if bodiless else response.body
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response.headers
        if name.lower() not in {"content-length", "transfer-encoding", "connection"}
    ]
    if not bodiless:
        headers.append((b"content-length", (given or str(len(body))).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
