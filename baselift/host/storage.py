"""Storage accounts by connection name, as the host looks them up; one client per account."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from baselift.host.errors import FunctionError

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

    from baselift.host.settings import Settings

HOST_STORAGE = "AzureWebJobsStorage"
# The SDK's own defaults retry for more than a minute, past the 30 s that Event Grid waits for an answer.
_OPTIONS: dict[str, Any] = {
    "retry_total": 3,
    "initial_backoff": 1,
    "increment_base": 1,
    "connection_timeout": 5,
    "read_timeout": 20,
}
_DEVELOPMENT = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    # pragma: allowlist nextline secret
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
)


class Storage:
    """The clients of a host. They belong to the event loop that first uses them; `close` ends them all."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue_services: dict[str, QueueServiceClient] = {}
        self._blob_services: dict[str, BlobServiceClient] = {}
        self._open = AsyncExitStack()

    def queue(self, connection: str | None, name: str) -> QueueClient:
        """A client of one queue.

        Raises:
            FunctionError: the connection is not in the settings, or the queue name is not allowed.
        """
        key = connection or HOST_STORAGE
        if key not in self._queue_services:
            service: QueueServiceClient = self._service(QueueServiceClient, key, "queue")
            self._queue_services[key] = service
        return self._queue_services[key].get_queue_client(queue_name(name))

    def blobs(self, connection: str | None = None) -> BlobServiceClient:
        """A client of an account's blobs.

        Raises:
            FunctionError: the connection is not in the settings.
        """
        key = connection or HOST_STORAGE
        if key not in self._blob_services:
            service: BlobServiceClient = self._service(BlobServiceClient, key, "blob")
            self._blob_services[key] = service
        return self._blob_services[key]

    async def close(self) -> None:
        await self._open.aclose()

    def _service(self, kind: Any, name: str, service: str) -> Any:
        text = self._connection_string(name)
        if text is not None:
            client = self._from_text(kind, name, text)
        else:
            client = kind(self._service_uri(name, service), credential=self._credential(name), **_OPTIONS)
        self._open.push_async_callback(client.close)
        return client

    def _from_text(self, kind: Any, name: str, text: str) -> Any:
        text = _DEVELOPMENT if text.strip().lower().rstrip(";") == "usedevelopmentstorage=true" else text
        try:
            return kind.from_connection_string(text, **_OPTIONS)
        except ValueError as error:
            raise FunctionError(f"connection {name!r} is not a valid storage connection string: {error}") from None

    def _connection_string(self, name: str) -> str | None:
        names = (f"AzureWebJobs{name}", name)
        candidates = [candidate for n in names for candidate in (f"ConnectionStrings__{n}", n)]
        return next((value for value in map(self._settings.get, candidates) if value), None)

    def _service_uri(self, name: str, service: str) -> str:
        keys = (f"{service}ServiceUri", "endpoint", "serviceUri")
        uri = next((value for value in (self._option(name, key) for key in keys) if value), None)
        account = self._option(name, "accountName")
        if uri is None and account is None:
            raise FunctionError(
                f"connection {name!r} is not in the settings; set it to a connection string, "
                f"or set {name}__{service}ServiceUri or {name}__accountName"
            )
        return uri or f"https://{account}.{service}.core.windows.net"

    def _option(self, name: str, key: str) -> str | None:
        return self._settings.get(f"AzureWebJobs{name}__{key}") or self._settings.get(f"{name}__{key}")

    def _credential(self, name: str) -> Any:
        from azure.identity import aio  # noqa: PLC0415 - slow to import, and unused with connection strings

        client_id, tenant = self._option(name, "clientId"), self._option(name, "tenantId")
        secret = self._option(name, "clientSecret")
        credential: Any
        if (self._option(name, "credential") or "").lower() == "managedidentity":
            credential = aio.ManagedIdentityCredential(client_id=client_id)
        elif tenant and client_id and secret:
            credential = aio.ClientSecretCredential(tenant, client_id, secret)
        else:
            credential = aio.DefaultAzureCredential()
        self._open.push_async_callback(credential.close)
        return credential


def queue_name(name: str) -> str:
    """The name in lower case.

    Raises:
        FunctionError: Azure does not allow it.
    """
    lowered = name.lower()
    if not is_queue_name(lowered):
        raise FunctionError(
            f"queue name {name!r} is not allowed: 3 to 63 letters, digits and single '-', no '-' at an end"
        )
    return lowered


def is_queue_name(name: str) -> bool:
    """Whether Azure allows a queue of this name."""
    return re.fullmatch(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*", name) is not None
