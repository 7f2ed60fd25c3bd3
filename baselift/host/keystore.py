"""Where the keys are kept: blobs of the host's storage, made on first use and changed by compare-and-set."""

from __future__ import annotations

import copy
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError

from baselift.host.errors import HostError
from baselift.host.keyring import FUNCTION_SECTIONS, HOST_SECTIONS, Keyring

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.storage.blob.aio import BlobClient, ContainerClient

    from baselift.host.settings import Settings
    from baselift.host.storage import Storage

HOST = "host"
"""The name under which the host's own keys are; no function may have it."""
_CONTAINER = "azure-webjobs-secrets"
_RELOAD_SECONDS = 60.0
_TRIES = 10

T = TypeVar("T")


class KeysUnavailableError(Exception):
    """The keys cannot be read or written; the text says why."""


class KeyStore:
    """The keys of one host, `<host id>/host.json`, and of its functions, `<host id>/<function>.json`.

    Read once, and again at most once a minute when a key is not found: others may have changed them.
    """

    def __init__(self, storage: Storage, host_id: str, reload_seconds: float = _RELOAD_SECONDS) -> None:
        self._storage = storage
        self._host_id = host_id
        self._reload_seconds = reload_seconds
        self._known: dict[str, Keyring] = {}
        self._read_at: dict[str, float] = {}

    async def read(self, name: str) -> Keyring:
        """The keys of the host or of a function; made where there are none.

        Raises:
            KeysUnavailableError: the storage does not answer, or holds something else.
        """
        return self._known.get(name.lower()) or await self._load(name.lower())

    async def read_after_miss(self, name: str) -> Keyring:
        """The same, read anew when the last time is long enough ago. Raises as `read`."""
        name = name.lower()
        if time.monotonic() - self._read_at.get(name, 0.0) < self._reload_seconds:
            return self._known[name]
        return await self._load(name)

    async def change(self, name: str, edit: Callable[[Keyring], T]) -> T:
        """Apply `edit` to the stored keys, whoever else changes them meanwhile, and return what it returns.

        Raises:
            KeysUnavailableError: as `read`, or others change them without end.
        """
        name = name.lower()
        for _ in range(_TRIES):
            known, etag = await self._fetched(name)
            keys = copy.deepcopy(known)
            result = edit(keys)
            if await self._stored(name, keys, etag):
                return result
        raise KeysUnavailableError(f"the keys of {name!r} keep changing under our hands")

    async def _load(self, name: str) -> Keyring:
        keys, _ = await self._fetched(name)
        return keys

    async def _fetched(self, name: str) -> tuple[Keyring, str]:
        """The stored keys and their ETag; the first ones are stored here."""
        for _ in range(_TRIES):
            found = await self._download(name)
            if found is not None:
                self._remember(name, found[0])
                return found
            first = Keyring.of_host() if name == HOST else Keyring.of_function()
            await self._stored(name, first, None)
        raise KeysUnavailableError(f"the keys of {name!r} vanish as soon as they are made")

    async def _download(self, name: str) -> tuple[Keyring, str] | None:
        sections = HOST_SECTIONS if name == HOST else FUNCTION_SECTIONS
        try:
            stream = await self._blob(name).download_blob()
            return Keyring.from_json(await stream.readall(), sections), str(stream.properties.etag)
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            raise KeysUnavailableError(f"the keys of {name!r} cannot be read: {error.message}") from None
        except ValueError as error:
            raise KeysUnavailableError(f"{_CONTAINER}/{self._path(name)} is not a document of keys: {error}") from None

    async def _stored(self, name: str, keys: Keyring, etag: str | None) -> bool:
        """Whether the blob was as `etag` says (None: not there) and now holds these keys."""
        conditions = (
            {"overwrite": False}
            if etag is None
            else {"overwrite": True, "etag": etag, "match_condition": MatchConditions.IfNotModified}
        )
        try:
            with suppress(ResourceExistsError):
                if etag is None:
                    await self._container().create_container()
            await self._blob(name).upload_blob(keys.to_json(), **conditions)
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            return False
        except AzureError as error:
            raise KeysUnavailableError(f"the keys of {name!r} cannot be written: {error.message}") from None
        self._remember(name, keys)
        return True

    def _remember(self, name: str, keys: Keyring) -> None:
        self._known[name] = keys
        self._read_at[name] = time.monotonic()

    def _container(self) -> ContainerClient:
        return self._storage.blobs().get_container_client(_CONTAINER)

    def _blob(self, name: str) -> BlobClient:
        return self._container().get_blob_client(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._host_id}/{name}.json"


def check_kind(settings: Settings) -> None:
    """Check that the keys may be in blobs.

    Raises:
        HostError: AzureWebJobsSecretStorageType asks for another place.
    """
    kind = settings.get("AzureWebJobsSecretStorageType") or "blob"
    if kind.lower() != "blob":
        raise HostError(f"setting AzureWebJobsSecretStorageType is {kind!r}; this host keeps keys in 'blob' only")
