"""Run logs and uploaded sources on Azure Blob storage: containers `logs` and `sources`."""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobSasPermissions, ContentSettings
from azure.storage.blob.aio import BlobClient, BlobLeaseClient, BlobServiceClient, StorageStreamDownloader

from baselift.app.ports import Conflict
from baselift.azure.connection import Account
from baselift.azure.links import Links

LOGS, SOURCES = "logs", "sources"
BLOCK = 4 << 20
"""Bytes of one append."""

TAKEOVERS = 10
"""Tries to take a lease before the others have won."""

_ONE_ANSWER = 1 << 30
"""A log is read in one answer, so that its bytes and metadata belong together."""
_TAILS = 1000
_CONFLICT = (409, 412)
_BEYOND = 416
_T = TypeVar("_T")


@dataclass(slots=True)
class _Tail:
    """Where the next append of a lease holder goes; None when not known."""

    at: int | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class AzureBlobs:
    """Implements `Blobs`. Containers are created when found missing. KeyError names a blob that is not there."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._service: BlobServiceClient | None = None
        self._links = Links(account)
        self._tails: OrderedDict[tuple[str, str], _Tail] = OrderedDict()
        self._ready: set[str] = set()

    async def create_log(self, name: str) -> None:
        blob = self._blob(LOGS, name)

        async def create() -> None:
            await blob.create_append_blob(
                content_settings=ContentSettings(content_type="text/plain; charset=utf-8"),
                match_condition=MatchConditions.IfMissing,
            )

        try:
            await self._creating(LOGS, create)
        except HttpResponseError as error:
            if error.status_code not in _CONFLICT or getattr(error, "error_code", "") == "ContainerBeingDeleted":
                raise

    async def lease(self, name: str, seconds: int) -> str:
        """`seconds` below 0 is for ever, else 15 to 60. Raises Conflict when others were always faster, KeyError."""
        blob, lease = self._blob(LOGS, name), str(uuid.uuid4())
        length = -1 if seconds < 0 else min(max(seconds, 15), 60)
        for _ in range(TAKEOVERS):
            await _broken(name, blob)
            try:
                await BlobLeaseClient(blob, lease).acquire(length)
            except HttpResponseError as error:
                _expect(name, error)
            else:
                return lease
        raise Conflict(f"log {name}: others took its lease {TAKEOVERS} times")

    async def renew(self, name: str, lease: str) -> None:
        try:
            await BlobLeaseClient(self._blob(LOGS, name), lease).renew()
        except HttpResponseError as error:
            _expect(name, error)
            raise Conflict(f"log {name}: the lease is lost") from error

    async def release(self, name: str, lease: str) -> None:
        """Give the lease back; one that is lost, or a log that is gone, is no error."""
        self._tails.pop((name, lease), None)
        try:
            await BlobLeaseClient(self._blob(LOGS, name), lease).release()
        except ResourceNotFoundError:
            return
        except HttpResponseError as error:
            _expect(name, error)

    async def append(self, name: str, data: bytes, lease: str) -> None:
        """Raises ValueError over 4 MiB, Conflict when the lease is lost, KeyError without the log.

        The place is part of the request, so a block whose answer was lost is not written twice.
        """
        if not 1 <= len(data) <= BLOCK:
            raise ValueError(f"log {name}: a block of {len(data)} bytes; 1 to {BLOCK} are right")
        tail = self._tail(name, lease)
        async with tail.lock:
            blob, at = self._blob(LOGS, name), tail.at
            tail.at = None
            try:
                if at is None:
                    at = await _size(blob, lease)
                await _append(blob, data, lease, at)
            except HttpResponseError as error:
                _expect(name, error)
                raise Conflict(f"log {name}: the lease is lost") from error
            tail.at = at + len(data)

    async def mark(self, name: str, metadata: dict[str, str]) -> None:
        """Keys are identifiers, values ASCII (ValueError). Raises Conflict when others kept leasing it, KeyError."""
        _check_metadata(name, metadata)
        blob = self._blob(LOGS, name)
        for _ in range(TAKEOVERS):
            await _broken(name, blob)
            try:
                await blob.set_blob_metadata(metadata)
            except HttpResponseError as error:
                _expect(name, error)
            else:
                return
        raise Conflict(f"log {name}: others took its lease {TAKEOVERS} times")

    async def read_log(self, name: str, offset: int = 0) -> tuple[bytes, dict[str, str]]:
        blob = self._blob(LOGS, name)
        while True:
            try:
                answer = await blob.download_blob(offset=offset or None)
                return await answer.readall(), dict(answer.properties.metadata or {})
            except ResourceNotFoundError:
                return b"", {}
            except HttpResponseError as error:
                if error.status_code != _BEYOND:
                    raise
            # A block may have come in meanwhile: metadata that say "complete" must not arrive before it.
            properties = await blob.get_blob_properties()
            if properties.size <= offset:
                return b"", dict(properties.metadata or {})

    async def read_part(self, name: str, offset: int, size: int) -> tuple[bytes, int, dict[str, str]]:
        blob = self._blob(LOGS, name)
        while True:
            try:
                answer = await blob.download_blob(offset=offset, length=size)
                total = int((answer.properties.content_range or "/0").rpartition("/")[2])
                return await answer.readall(), total, dict(answer.properties.metadata or {})
            except ResourceNotFoundError:
                return b"", 0, {}
            except HttpResponseError as error:
                if error.status_code != _BEYOND:
                    raise
            # As in `read_log`: a block may have come in meanwhile.
            properties = await blob.get_blob_properties()
            if properties.size <= offset:
                return b"", properties.size, dict(properties.metadata or {})

    async def tail(self, name: str, size: int) -> tuple[bytes, dict[str, str]]:
        """The service has no ranges from the end, so this takes two requests."""
        try:
            properties = await self._blob(LOGS, name).get_blob_properties()
        except ResourceNotFoundError:
            return b"", {}
        data, metadata = await self.read_log(name, max(0, properties.size - size))
        return data[max(0, len(data) - size) :], metadata

    async def delete_log(self, name: str) -> None:
        """Raises Conflict when others kept leasing it."""
        blob = self._blob(LOGS, name)
        for _ in range(TAKEOVERS):
            try:
                await _broken(name, blob)
                await blob.delete_blob()
            except (KeyError, ResourceNotFoundError):
                return
            except HttpResponseError as error:
                _expect(name, error)
            else:
                return
        raise Conflict(f"log {name}: others took its lease {TAKEOVERS} times")

    async def uploads(self) -> AsyncIterator[tuple[str, datetime]]:
        found = self._client().get_container_client(SOURCES).list_blobs()
        with suppress(ResourceNotFoundError):
            async for blob in found:
                yield blob.name, blob.last_modified

    async def delete_upload(self, name: str) -> None:
        with suppress(ResourceNotFoundError):
            await self._blob(SOURCES, name).delete_blob()

    async def read_url(self, name: str, seconds: int) -> str:
        """Raises ValueError for a connection that cannot sign."""
        return await self._links.sign(self._blob(LOGS, name), BlobSasPermissions(read=True), seconds, self._client())

    async def upload_url(self, name: str, seconds: int) -> str:
        """Raises ValueError for a connection that cannot sign."""
        if SOURCES not in self._ready:
            await self._create(SOURCES)
            self._ready.add(SOURCES)
        permission = BlobSasPermissions(create=True, write=True)
        return await self._links.sign(self._blob(SOURCES, name), permission, seconds, self._client())

    async def download(self, name: str, into: Path, limit: int) -> None:
        try:
            answer = await self._blob(SOURCES, name).download_blob()
        except ResourceNotFoundError:
            raise KeyError(name) from None
        if answer.size > limit:
            raise ValueError(f"source {name} has {answer.size} bytes; at most {limit} are right")
        file = await asyncio.to_thread(into.open, "wb")
        try:
            await _copy(answer, file)
        finally:
            await asyncio.to_thread(file.close)

    def _client(self) -> BlobServiceClient:
        if self._service is None:
            self._service = BlobServiceClient(
                self._account.urls["blob"],
                max_single_get_size=_ONE_ANSWER,
                retry_total=3,
                initial_backoff=1,
                increment_base=1,
                **self._account.options(),
            )
        return self._service

    def _blob(self, container: str, name: str) -> BlobClient:
        return self._client().get_blob_client(container, name)

    def _tail(self, name: str, lease: str) -> _Tail:
        tail = self._tails.setdefault((name, lease), _Tail())
        self._tails.move_to_end((name, lease))
        if len(self._tails) > _TAILS:
            self._tails.popitem(last=False)
        return tail

    async def _creating(self, container: str, call: Callable[[], Awaitable[_T]]) -> _T:
        try:
            return await call()
        except ResourceNotFoundError:
            await self._create(container)
            return await call()

    async def _create(self, container: str) -> None:
        with suppress(ResourceExistsError):
            await self._client().create_container(container)


async def _broken(name: str, blob: BlobClient) -> None:
    """Break the blob's lease at once; one that has none is left as it is."""
    try:
        await BlobLeaseClient(blob).break_lease(lease_break_period=0)
    except HttpResponseError as error:
        _expect(name, error)


async def _size(blob: BlobClient, lease: str) -> int:
    return int((await blob.get_blob_properties(lease=lease)).size)


async def _append(blob: BlobClient, data: bytes, lease: str, at: int) -> None:
    try:
        await blob.append_block(BytesIO(data), len(data), lease=lease, appendpos_condition=at)
    except HttpResponseError as error:
        # Under the lease nobody else appends: a blob that is longer by this block has it already.
        if error.status_code not in _CONFLICT or await _size(blob, lease) != at + len(data):
            raise


async def _copy(answer: StorageStreamDownloader[bytes], file: IO[bytes]) -> None:
    async for chunk in answer.chunks():
        await asyncio.to_thread(file.write, chunk)


def _expect(name: str, error: HttpResponseError) -> None:
    """Let a refused condition pass; anything else goes on, a missing blob as KeyError."""
    if isinstance(error, ResourceNotFoundError):
        raise KeyError(name) from None
    if error.status_code not in _CONFLICT:
        raise error


def _check_metadata(name: str, metadata: dict[str, str]) -> None:
    for key, value in metadata.items():
        if not (key.isascii() and key.isidentifier() and value.isascii() and value.isprintable()):
            raise ValueError(f"log {name}: metadata {key!r}={value!r}; an identifier and printable ASCII are right")
