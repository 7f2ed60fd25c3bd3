"""Blobs in a registry: read, look for, mount, copy, upload (OCI distribution spec, "Pushing blobs")."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from yarl import URL

from baselift.registry.digests import matches, verified
from baselift.registry.errors import RegistryError, unusable
from baselift.registry.hosts import Access
from baselift.registry.manifests import Descriptor
from baselift.registry.transport import Body, Request, Transport, connection_errors

_CHUNK = 256 * 1024
_OK = 200
_CREATED = 201
_REFUSED = frozenset({400, 401, 403, 404, 405})
_STREAM = "application/octet-stream"


class Blobs:
    """Blob requests over one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def read(self, access: Access, blob: Descriptor, limit: int) -> bytes:
        """A small blob, proved to be the one asked for.

        Raises:
            RegistryError: it is gone, larger than `limit` bytes, or has another digest.
        """
        if blob.size > limit:
            raise unusable(access.registry, access.operation, f"blob {blob.digest} is larger than {limit} bytes")
        answer = await self._transport.send(access, Request("GET", _url(access, blob)), limit)
        if not matches(answer.body, blob.digest):
            reason = f"the content of blob {blob.digest} does not have that digest"
            raise unusable(access.registry, access.operation, reason)
        return answer.body

    async def save(self, access: Access, blob: Descriptor, file: Path) -> None:
        """Write a blob of any size to a file, proved to be the one asked for.

        Raises:
            RegistryError: it is gone, or has another size or digest.
        """

        async def attempt() -> None:
            async with self._transport.open(access, Request("GET", _url(access, blob))) as response:
                chunks = response.content.iter_chunked(_CHUNK)
                with await asyncio.to_thread(file.open, "wb") as sink, connection_errors(access):
                    async for chunk in verified(chunks, blob.digest, blob.size, access):
                        await asyncio.to_thread(sink.write, chunk)

        await self._transport.retry(attempt)

    async def has(self, access: Access, blob: Descriptor) -> bool:
        """Whether the repository has a blob."""
        return await self._transport.retry(lambda: self._exists(access, blob))

    async def upload(self, access: Access, blob: Descriptor, body: Body) -> None:
        """Upload a blob unless it is there. `body` starts the stream anew for each attempt."""

        async def attempt() -> None:
            if not await self._exists(access, blob):
                await self._put(access, await self._begin(access), blob, body)

        await self._transport.retry(attempt)

    async def bring(self, access: Access, source: Access, blob: Descriptor) -> None:
        """Have a blob of another repository in this one: present already, mounted, or streamed from `source`."""

        async def attempt() -> None:
            if await self._exists(access, blob):
                return
            place = await self._mount(access, source, blob) if source.registry == access.registry else None
            if place is not _MOUNTED:
                await self._copy(access, source, blob, place or await self._begin(access))

        await self._transport.retry(attempt)

    async def _exists(self, access: Access, blob: Descriptor) -> bool:
        answer = await self._transport.send_once(access, Request("HEAD", _url(access, blob), (_OK, 404)))
        return answer.status == _OK

    async def _mount(self, access: Access, source: Access, blob: Descriptor) -> URL | None:
        """`_MOUNTED`, or where to upload instead; None when mounting was refused, which is no error."""
        both = replace(access, also=(f"repository:{source.repository}:pull",))
        query = f"blobs/uploads/?mount={quote(blob.digest)}&from={quote(source.repository, safe='')}"
        request = Request("POST", access.url(query), (_CREATED, 202), {"Content-Length": "0"})
        try:
            answer = await self._transport.send_once(both, request)
        except RegistryError as error:
            if error.status in _REFUSED:
                return None
            raise
        if answer.status == _CREATED:
            return _MOUNTED
        return self._transport.target(access, request.url, answer.headers.get("Location", ""))

    async def _copy(self, access: Access, source: Access, blob: Descriptor, place: URL) -> None:
        async with self._transport.open(source, Request("GET", _url(source, blob))) as response:
            chunks = response.content.iter_chunked(_CHUNK)

            async def body() -> AsyncIterator[bytes]:
                with connection_errors(source):
                    async for chunk in verified(chunks, blob.digest, blob.size, source):
                        yield chunk

            await self._put(access, place, blob, body)

    async def _begin(self, access: Access) -> URL:
        request = Request("POST", access.url("blobs/uploads/"), (202,), {"Content-Length": "0"})
        answer = await self._transport.send_once(access, request)
        return self._transport.target(access, request.url, answer.headers.get("Location", ""))

    async def _put(self, access: Access, place: URL, blob: Descriptor, body: Body) -> None:
        headers = {"Content-Type": _STREAM, "Content-Length": str(blob.size)}
        url = URL(f"{place}{'&' if place.raw_query_string else '?'}digest={quote(blob.digest)}", encoded=True)
        answer = await self._transport.send_once(access, Request("PUT", url, (_CREATED, 204), headers, body))
        stored = answer.headers.get("Docker-Content-Digest", blob.digest)
        if stored != blob.digest:
            reason = f"it stored blob {blob.digest} as {stored[:80]}"
            raise unusable(access.registry, access.operation, reason)


_MOUNTED = URL("mounted:")


def _url(access: Access, blob: Descriptor) -> URL:
    return access.url(f"blobs/{blob.digest}")
