"""Storage as the bare Azure SDKs give it: the floor of everything that reads and writes rows."""

from collections.abc import Mapping
from typing import Any, Self

from azure.core import MatchConditions
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

Entity = Mapping[str, Any]


class BareStorage:
    """One account through the SDKs' own clients; what it writes goes into tables and containers of its own."""

    def __init__(self, connection: str) -> None:
        # The SDK takes the "http" of the connection string for plain text that has to be allowed.
        self._tables = TableServiceClient.from_connection_string(connection)
        self._blobs = BlobServiceClient.from_connection_string(connection)
        self._queue = QueueClient.from_connection_string(
            connection, "floor", message_encode_policy=TextBase64EncodePolicy()
        )
        self._clients: dict[str, TableClient] = {}

    async def __aenter__(self) -> Self:
        await self._tables.create_table_if_not_exists("floor")
        await self._queue.create_queue()
        await self._blobs.create_container("floor")
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._tables, self._blobs, self._queue:
            for each in self._clients.values():
                await each.close()

    async def rows(self, table: str, wanted: str, count: int = 1000) -> list[Entity]:
        """The first page of a query."""
        pages = self._table(table).query_entities(wanted, results_per_page=count).by_page()
        return [row async for row in await anext(pages)]

    async def read(self, table: str, row: Entity) -> Entity:
        """The row as it is now; `row` gives its keys."""
        found: Entity = await self._table(table).get_entity(row["PartitionKey"], row["RowKey"])
        return found

    async def insert(self, row: Entity, key: str) -> Entity:
        """Write a copy of the row under another key, with its etag in `metadata`."""
        copy = {**row, "RowKey": key}
        await self._table("floor").create_entity(copy)
        return copy

    async def copy(self, row: Entity, key: str) -> Entity:
        """Write a copy of the row under another key, and read it."""
        return await self.read("floor", await self.insert(row, key))

    async def upsert(self, row: Entity, key: str) -> None:
        """Write a copy of the row under another key, whatever is there."""
        await self._table("floor").upsert_entity({**row, "RowKey": key}, mode=UpdateMode.REPLACE)

    async def replace(self, row: Any) -> None:
        """Write a row that was read, if it has not changed."""
        condition = {"etag": row.metadata["etag"], "match_condition": MatchConditions.IfNotModified}
        await self._table("floor").update_entity(row, mode=UpdateMode.REPLACE, **condition)

    async def create_log(self, name: str) -> None:
        """An empty append blob."""
        await self._blobs.get_blob_client("floor", name).create_append_blob()

    async def send(self, text: str) -> None:
        """One queue message."""
        await self._queue.send_message(text)

    def _table(self, name: str) -> TableClient:
        if name not in self._clients:
            self._clients[name] = self._tables.get_table_client(name)
        return self._clients[name]
