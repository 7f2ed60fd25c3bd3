"""Ways into the app of each mode, and what is answered there."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient
from live_app import API_VERSION, Live
from route_tables import BODIES, HERE

AT_ONCE = 8


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    content: bytes

    def check_error(self, method: str) -> None:
        """An error as the API prints them; a 401 says how to come in."""
        assert ("www-authenticate" in self.headers) == (self.status == 401)
        if method == "HEAD":
            assert self.content == b""
            return
        assert self.headers["content-type"].startswith("application/json")
        assert set(json.loads(self.content)) == {"error"}
        error = json.loads(self.content)["error"]
        assert set(error) == {"code", "message"}
        assert all(isinstance(text, str) and text for text in error.values())

    def check_page(self) -> None:
        """A page that says why, in no frame, and kept by nobody."""
        assert ("www-authenticate" in self.headers) == (self.status == 401)
        assert self.headers["content-type"].startswith("text/html")
        assert "frame-ancestors 'none'" in self.headers["content-security-policy"]
        assert self.headers["cache-control"] == "no-store"


@dataclass(frozen=True)
class Door:
    """The app of one mode, and tokens for it."""

    live: Live
    session: aiohttp.ClientSession
    run: str
    reader: dict[str, str]
    contributor: dict[str, str]
    strangers: dict[str, dict[str, str]]
    """What is wrong with them -> headers of who must not come in."""

    async def ask(self, route: str, headers: dict[str, str], **filled: str) -> Reply:
        method, _, path = route.partition(" ")
        for name, value in (HERE | {"run": self.run} | filled).items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path, f"{route} has a parameter that no value is known for"
        body = json.dumps(BODIES.get(route, {})) if method in {"POST", "PUT", "PATCH"} else None
        url = f"{self.live.url}/{path}?api-version={API_VERSION}"
        async with self.session.request(method, url, data=body, headers=headers, allow_redirects=False) as answer:
            fields = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status, fields, await answer.read())

    async def ask_all(self, routes: Iterable[str], headers: dict[str, str], **filled: str) -> list[tuple[str, Reply]]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(route: str) -> tuple[str, Reply]:
            async with gate:
                return route, await self.ask(route, headers, **filled)

        return await asyncio.gather(*map(one, sorted(routes)))

    async def stored(self) -> dict[str, Any]:
        """Every row of every table, and how many messages wait in every queue."""
        found: dict[str, Any] = {}
        storage = self.live.stack.azurite.connection_string
        async with TableServiceClient.from_connection_string(storage) as tables:
            async for table in tables.list_tables():
                rows = tables.get_table_client(table.name).list_entities()
                found[table.name] = {(row["PartitionKey"], row["RowKey"]): dict(row) async for row in rows}
        async with QueueServiceClient.from_connection_string(storage) as queues:
            async for queue in queues.list_queues():
                properties = await queues.get_queue_client(queue.name).get_queue_properties()
                found[f"queue {queue.name}"] = properties.approximate_message_count
        return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
