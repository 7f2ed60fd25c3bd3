"""Tables on Azure Table storage.

The SDK does not retry writes whose answer was lost, and aiohttp itself repeats a PUT on a connection that turned out
to be dead. So writes are retried here, and each carries a random token: a write that is refused although an earlier
try may have taken effect reads the row again and looks for its own token before it reports a conflict.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.data.tables import TableEntity, TableErrorCode, UpdateMode
from azure.data.tables.aio import TableClient

from baselift.app.ports import AHEAD, WHOLE, Conflict, Row, Stale, Write
from baselift.azure.batches import check, operations
from baselift.azure.connection import Account
from baselift.azure.entities import OP, to_entity, to_row
from baselift.azure.keys import key as stored

PAUSES = (0.2, 0.8, 2.0)
"""Seconds before each further try of a request whose answer was lost or put off."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")
_CODE = re.compile(r'"code":\s*"(\w+)"')
_GONE, _EXISTS, _CHANGED = 404, 409, 412
_NO_ROW_HAS = "W/\"datetime'1601-01-01T00%3A00%3A00.0000000Z'\""
"""An etag under which every conditional write is refused."""
_PUT_OFF = {408, 429, 500, 502, 503, 504}
_T = TypeVar("_T")


class AzureTables:
    """Implements `Tables`. A table is created when the first write finds it missing; a missing table reads as empty."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._clients: dict[str, TableClient] = {}

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        return await _get(self._client(table), stored(partition), stored(key))

    async def insert(self, table: str, row: Row) -> str:
        """Raises Conflict, and ValueError for a row Azure would refuse. A row of its own counts as written."""
        client, entity = self._client(table), _entity(table, row)
        with _refusals(f"{table}/{row.partition}/{row.key}"):
            return await _write(client, lambda: _etag(client.create_entity(entity)), lambda: _ours(client, entity))

    async def replace(self, table: str, row: Row) -> str:
        """Raises Stale, and ValueError for a row without an etag or one Azure would refuse."""
        if not row.etag:
            raise ValueError(f"{table}/{row.partition}/{row.key}: only a row that was read can be replaced (no etag)")
        client, entity, condition = self._client(table), _entity(table, row), _condition(row.etag)

        def update() -> Awaitable[str]:
            return _etag(client.update_entity(entity, mode=UpdateMode.REPLACE, **condition))

        with _refusals(f"{table}/{row.partition}/{row.key}"):
            return await _write(client, update, lambda: _ours(client, entity), doubt=True)

    async def upsert(self, table: str, row: Row) -> str:
        """Raises ValueError for a row Azure would refuse."""
        client, entity = self._client(table), _entity(table, row)
        return await _write(client, lambda: _etag(client.upsert_entity(entity, mode=UpdateMode.REPLACE)), _never)

    async def delete(self, table: str, partition: str, key: str, etag: str | None = None) -> None:
        client, keys = self._client(table), (stored(partition), stored(key))
        with _refusals(f"{table}/{partition}/{key}"), suppress(ResourceNotFoundError):
            await _again(lambda: client.delete_entity(*keys, **_condition(etag)))

    async def batch(self, table: str, writes: Sequence[Write]) -> Sequence[str]:
        """Raises Conflict, Stale (also where a row to replace or delete is gone), or ValueError for a wrong batch."""
        client = self._client(table)
        check(table, writes)
        op = secrets.token_hex(8)
        entities = [to_entity(table, write.row, op) for write in writes]

        async def done() -> Sequence[str] | None:
            if all(write.kind == "delete" for write in writes):
                left = [await _get(client, entity["PartitionKey"], entity["RowKey"]) for entity in entities]
                return None if any(left) else [""] * len(writes)
            found = [
                "" if write.kind == "delete" else await _ours(client, entity)
                for write, entity in zip(writes, entities, strict=True)
            ]
            # One row of ours tells that all were written; others may have been written by somebody else since.
            return [_NO_ROW_HAS if etag is None else etag for etag in found] if any(found) else None

        async def submit() -> Sequence[str]:
            answers = await client.submit_transaction(operations(writes, entities))
            return [str(answer.get("etag", "")) for answer in answers]

        with _refusals(f"{table}/{writes[0].row.partition} (batch of {len(writes)})"):
            return await _write(client, submit, done)

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        partitions: tuple[str, str] | None = None,
        keys: tuple[str, str] | None = None,
        only: Sequence[str] = (),
        ahead: int = AHEAD,
    ) -> AsyncIterator[Row]:
        """Raises ValueError when both `partition` and `partitions` are given. Without either, the whole table."""
        client, wanted = self._client(table), _filter(partition, partitions, keys)
        size, token = min(ahead, WHOLE), None
        columns = ["PartitionKey", "RowKey", *only] if only else None
        while True:
            try:
                entities, token = await _again(partial(_page, client, wanted, columns, size, token))
            except ResourceNotFoundError:
                return
            for entity in entities:
                yield _row(entity)
            if not token:
                return
            size = WHOLE

    def _client(self, table: str) -> TableClient:
        if table not in self._clients:
            if not _NAME.fullmatch(table):
                raise ValueError(f"table {table!r}: 3 to 63 letters and digits, a letter first, are right")
            self._clients[table] = TableClient(
                self._account.urls["table"], table, retry_total=0, **self._account.options()
            )
        return self._clients[table]


def _entity(table: str, row: Row) -> dict[str, Any]:
    return to_entity(table, row, secrets.token_hex(8))


def _condition(etag: str | None) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}


async def _write(
    client: TableClient,
    call: Callable[[], Awaitable[_T]],
    ours: Callable[[], Awaitable[_T | None]],
    *,
    doubt: bool = False,
) -> _T:
    """Run a write until it is answered and return what it does: the new etag, or etags.

    `doubt` says that a refusal may stem from an earlier try of our own; `ours` then finds the etag of that try.
    """

    async def once() -> _T:
        nonlocal doubt
        try:
            return await _creating(client, call)
        except HttpResponseError as error:
            if error.status_code in (_GONE, _EXISTS, _CHANGED) and doubt and (written := await ours()):
                return written
            doubt = doubt or error.status_code in _PUT_OFF
            raise
        except AzureError:
            doubt = True
            raise

    return await _again(once)


async def _creating(client: TableClient, call: Callable[[], Awaitable[_T]]) -> _T:
    try:
        return await call()
    except HttpResponseError as error:
        if _code(error) != TableErrorCode.TABLE_NOT_FOUND:
            raise
        await _create(client)
        return await call()


async def _etag(answer: Awaitable[Mapping[str, Any]]) -> str:
    return str((await answer).get("etag", ""))


async def _again(call: Callable[[], Awaitable[_T]]) -> _T:
    """The call's answer, tried again while it is lost or put off."""
    for pause in PAUSES:
        try:
            return await call()
        except (ServiceRequestError, ServiceResponseError):
            await asyncio.sleep(pause)
        except HttpResponseError as error:
            if error.status_code not in _PUT_OFF:
                raise
            await asyncio.sleep(pause)
    return await call()


def _row(entity: TableEntity) -> Row:
    return to_row(entity, str(entity.metadata["etag"]))


async def _get(client: TableClient, partition: str, key: str) -> Row | None:
    try:
        return _row(await _again(lambda: client.get_entity(partition, key)))
    except ResourceNotFoundError:
        return None


async def _ours(client: TableClient, entity: Mapping[str, Any]) -> str | None:
    """The etag of the row as it is, if the write with this entity's token made it so."""
    try:
        found = await _again(lambda: client.get_entity(entity["PartitionKey"], entity["RowKey"]))
    except ResourceNotFoundError:
        return None
    return str(found.metadata["etag"]) if found.get(OP) == entity[OP] else None


async def _never() -> None:
    return None


async def _create(client: TableClient) -> None:
    with suppress(ResourceExistsError):
        await _again(client.create_table)


async def _page(
    client: TableClient, wanted: str, columns: list[str] | None, size: int, token: Any
) -> tuple[list[TableEntity], Any]:
    """One page, which may be empty, and the token of the next; None after the last."""
    pages: Any = client.query_entities(wanted, select=columns, results_per_page=size).by_page(continuation_token=token)
    return [entity async for entity in await anext(pages)], pages.continuation_token


def _code(error: HttpResponseError) -> str | None:
    """The service's error code, which the SDK does not decode in every call."""
    if code := getattr(error, "error_code", None):
        return str(getattr(code, "value", code))
    found = _CODE.search(str(error))
    return found[1] if found else None


@contextmanager
def _refusals(where: str) -> Iterator[None]:
    """Turn the service's refusals into the port's."""
    try:
        yield
    except HttpResponseError as error:
        if _code(error) in (TableErrorCode.ENTITY_ALREADY_EXISTS, TableErrorCode.RESOURCE_ALREADY_EXISTS):
            raise Conflict(f"{where} exists") from error
        if error.status_code in (_GONE, _CHANGED):
            raise Stale(f"{where} changed, or is gone") from error
        raise


def _filter(partition: str | None, partitions: tuple[str, str] | None, keys: tuple[str, str] | None) -> str:
    if partition is not None and partitions is not None:
        raise ValueError(f"partition {partition!r} and partitions {partitions!r}: one of them is right")
    terms = [f"PartitionKey eq '{_quoted(partition)}'"] if partition is not None else []
    for name, bounds in (("PartitionKey", partitions), ("RowKey", keys)):
        if bounds is not None:
            terms += [f"{name} ge '{_quoted(bounds[0])}'", f"{name} lt '{_quoted(bounds[1])}'"]
    return " and ".join(terms)


def _quoted(key: str) -> str:
    return stored(key).replace("'", "''")
