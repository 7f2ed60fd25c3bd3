"""The stores under test: a real Azurite, and the in-memory one."""

import asyncio
import base64
import io
import os
import secrets
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from baselift.app.ports import Blobs, Queues, Tables
from baselift.azure.storage import Storage
from baselift.memory import MemoryStore

ROOT = Path(__file__).parents[2]
SERVICES = ("blob", "queue", "table")


@dataclass(frozen=True)
class Azurite:
    name: str
    key: str
    ports: dict[str, int]

    def connection(self, **instead: int) -> str:
        """The connection string; `instead` sends a service to another port."""
        ports = {**self.ports, **instead}
        endpoints = [f"{each.title()}Endpoint=http://127.0.0.1:{ports[each]}/{self.name}" for each in SERVICES]
        return ";".join([f"AccountName={self.name}", f"AccountKey={self.key}", *endpoints])


@dataclass(frozen=True)
class Store:
    tables: Tables
    queues: Queues
    blobs: Blobs
    upload: Callable[[str, bytes], Awaitable[None]]
    received: Callable[[str], Awaitable[list[str]]]
    """Texts of the visible messages."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program() -> str:
    return os.environ.get("AZURITE") or str(ROOT / ".tools/node_modules/.bin/azurite")


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    name, key = "contract", base64.b64encode(secrets.token_bytes(64)).decode()
    ports = {service: free_port() for service in SERVICES}
    flags = [flag for service, port in ports.items() for flag in (f"--{service}Port", str(port))]
    folder = tmp_path_factory.mktemp("azurite")
    process = subprocess.Popen(
        [program(), "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", str(folder), *flags],
        env={**os.environ, "AZURITE_ACCOUNTS": f"{name}:{key}"},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait(process, ports)
        yield Azurite(name, key, ports)
    finally:
        process.terminate()
        process.wait(20)


def wait(process: subprocess.Popen[bytes], ports: dict[str, int]) -> None:
    for port in ports.values():
        for _ in range(300):
            if process.poll() is not None:
                pytest.fail(f"azurite ended with {process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), 0.1).close()
                break
            except OSError:
                _let_it_run(process, 0.1)
        else:
            pytest.fail(f"azurite does not listen on {port}")


def _let_it_run(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


@pytest.fixture(scope="session")
async def storage(azurite: Azurite) -> AsyncIterator[Storage]:
    store = Storage.connect({"AzureWebJobsStorage": azurite.connection()})
    yield store
    await store.close()


@pytest.fixture(scope="session", autouse=True)
async def short_lease(storage: Storage) -> tuple[str, str, float]:
    """A log, the shortest lease on it (15 s), and when it was taken: one test at the end waits for its end."""
    log = f"short/{secrets.token_hex(6)}"
    await storage.blobs.create_log(log)
    return log, await storage.blobs.lease(log, 15), time.monotonic()


@pytest.fixture(scope="session")
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture(params=["azure", "memory"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return _memory(MemoryStore(lambda: datetime.now(UTC)))
    return _azure(request.getfixturevalue("storage"), request.getfixturevalue("client"))


def _memory(store: MemoryStore) -> Store:
    async def upload(name: str, data: bytes) -> None:
        store.upload(name, data)

    async def received(queue: str) -> list[str]:
        return store.messages(queue)

    return Store(store, store, store, upload, received)


def _azure(storage: Storage, client: aiohttp.ClientSession) -> Store:
    async def upload(name: str, data: bytes) -> None:
        url = await storage.blobs.upload_url(name, 60)
        async with client.put(url, data=io.BytesIO(data), headers={"x-ms-blob-type": "BlockBlob"}) as answer:
            answer.raise_for_status()

    async def received(queue: str) -> list[str]:
        messages = storage.queues._client(queue).peek_messages(32)
        return [base64.b64decode(each.content).decode() for each in await messages]

    return Store(storage.tables, storage.queues, storage.blobs, upload, received)


@pytest.fixture
def name() -> str:
    """A fresh name, good for a table, a queue and a blob."""
    return "n" + secrets.token_hex(6)


@dataclass
class Proxy:
    """Passes bytes on to a port. While `drop` is above 0, an answer is cut off before its first byte."""

    to: int
    port: int = 0
    drop: int = 0
    dropped: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        up = asyncio.create_task(_pump(reader, back))
        try:
            while (data := await there.read(65536)) and not self._cut():
                writer.write(data)
                await writer.drain()
        finally:
            up.cancel()
            await asyncio.gather(up, _closed(writer), _closed(back), return_exceptions=True)

    def _cut(self) -> bool:
        if self.drop == 0:
            return False
        self.drop -= 1
        self.dropped += 1
        return True


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def _proxy(to: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(to)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    yield proxy
    server.close()
    tasks = list(proxy.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def table_proxy(azurite: Azurite) -> AsyncIterator[Proxy]:
    async for proxy in _proxy(azurite.ports["table"]):
        yield proxy


@pytest.fixture
async def blob_proxy(azurite: Azurite) -> AsyncIterator[Proxy]:
    async for proxy in _proxy(azurite.ports["blob"]):
        yield proxy


@pytest.fixture
def faulty_settings(azurite: Azurite, table_proxy: Proxy, blob_proxy: Proxy) -> dict[str, str]:
    return {"AzureWebJobsStorage": azurite.connection(table=table_proxy.port, blob=blob_proxy.port)}


@pytest.fixture
async def faulty(faulty_settings: dict[str, str]) -> AsyncIterator[Storage]:
    store = Storage.connect(faulty_settings)
    yield store
    await store.close()
