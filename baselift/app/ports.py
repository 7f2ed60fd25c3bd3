"""What the use cases need of the world, where two real implementations exist.

`Tables`, `Queues` and `Blobs` follow the rules of Azure Storage: a batch holds at most 100 rows of one partition, a
row at most 1 MiB with properties of at most 64 KiB, an ETag changes with every write, a queue message holds at most
48 KiB of text before base64. Every write may have happened although the call raised.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from baselift.domain.builds import BuildOrder, Credential, Image, Source
from baselift.domain.containers import ContainerOrder
from baselift.domain.images import Reference
from baselift.domain.source_triggers import Heads

Value = str | int | bool | float | datetime
AHEAD, WHOLE = 100, 1000
"""For `Tables.query`: `ahead` of most readers, and of one who reads to the end: the most that one request brings."""


class Conflict(Exception):
    """The row, or the lease, is there already."""


class Stale(Exception):
    """The row changed since it was read (its ETag differs), or is gone."""


@dataclass(frozen=True, slots=True)
class Row:
    """One table row. `etag` is empty in a row that was not read from a store."""

    partition: str
    key: str
    values: Mapping[str, Value]
    etag: str = ""

    def text(self, name: str) -> str:
        """A property that is text."""
        return str(self.values[name])

    def number(self, name: str) -> int:
        """A property that is a whole number."""
        return int(self.values[name])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Write:
    """One operation of a batch; `replace` and `delete` are conditional where the row has an etag."""

    kind: Literal["insert", "replace", "upsert", "delete"]
    row: Row


class Tables(Protocol):
    """Azure Table storage. Keys hold any text without control characters: the adapter encodes what Azure refuses."""

    async def get(self, table: str, partition: str, key: str) -> Row | None: ...

    async def insert(self, table: str, row: Row) -> str:
        """Write a new row and return its ETag. Raises Conflict when it exists."""
        ...

    async def replace(self, table: str, row: Row) -> str:
        """Write the row if its etag still holds, and return the new one. Raises Stale."""
        ...

    async def upsert(self, table: str, row: Row) -> str: ...

    async def delete(self, table: str, partition: str, key: str, etag: str | None = None) -> None:
        """Delete a row, if `etag` is given only in that state (raises Stale). A row that is gone is no error."""
        ...

    async def batch(self, table: str, writes: Sequence[Write]) -> Sequence[str]:
        """All or nothing, 1 to 100 rows of one partition; the rows' etags, empty for those that were deleted.

        Raises Conflict, Stale, or ValueError for a wrong batch.
        """
        ...

    def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        partitions: tuple[str, str] | None = None,
        keys: tuple[str, str] | None = None,
        only: Sequence[str] = (),
        ahead: int = AHEAD,
    ) -> AsyncIterator[Row]:
        """Rows in key order: of one partition or of the range ``low <= partition < high``; keys likewise.

        `only`: the properties that the caller reads, short ones; none stand for all. Where many rows are read for a
        short text of each, the others cost more than it.
        `ahead`: how many the caller is likely to take. So many are fetched at first; there may be more or fewer.
        Pages are fetched as the iterator is consumed, so a caller that breaks off pays only for what it took.
        """
        ...


class Queues(Protocol):
    """Azure Queue storage, sending side; receiving is the Functions host's part."""

    async def send(self, queue: str, text: str, delay: float = 0) -> None:
        """Append a message that never expires, visible after `delay` seconds."""
        ...

    async def depth(self, queue: str) -> int:
        """About how many messages the queue holds, those that are not visible included; 0 for one that is not there."""
        ...


class Blobs(Protocol):
    """Azure Blob storage: run logs (append blobs under a lease) and uploaded sources (block blobs)."""

    async def create_log(self, name: str) -> None:
        """Create an empty append blob. One that exists is left as it is."""
        ...

    async def lease(self, name: str, seconds: int) -> str:
        """Take the blob's lease away from whoever holds it and return its id: the earlier holder's writes fail."""
        ...

    async def renew(self, name: str, lease: str) -> None:
        """Raises Conflict when another holds the lease now."""
        ...

    async def release(self, name: str, lease: str) -> None: ...

    async def append(self, name: str, data: bytes, lease: str) -> None:
        """Append at most 4 MiB. Raises Conflict when another holds the lease."""
        ...

    async def mark(self, name: str, metadata: dict[str, str]) -> None:
        """Replace the log's metadata, breaking any lease: only for a run that is over."""
        ...

    async def read_log(self, name: str, offset: int = 0) -> tuple[bytes, dict[str, str]]:
        """Bytes from `offset` and the metadata; empty for a blob that does not exist."""
        ...

    async def read_part(self, name: str, offset: int, size: int) -> tuple[bytes, int, dict[str, str]]:
        """At most `size` bytes from `offset`, the log's length, and its metadata; empty for one that is not there."""
        ...

    async def tail(self, name: str, size: int) -> tuple[bytes, dict[str, str]]:
        """The log's last `size` bytes and its metadata; empty for a blob that does not exist."""
        ...

    async def delete_log(self, name: str) -> None:
        """Delete a log, whoever holds its lease; one that is gone is no error."""
        ...

    def uploads(self) -> AsyncIterator[tuple[str, datetime]]:
        """Every source blob with the time of its last change, by name."""
        ...

    async def delete_upload(self, name: str) -> None:
        """Delete a source blob; one that is gone is no error."""
        ...

    async def read_url(self, name: str, seconds: int) -> str:
        """A link to the log that is good for `seconds`."""
        ...

    async def upload_url(self, name: str, seconds: int) -> str:
        """A link under which a client may create the source blob `name`."""
        ...

    async def download(self, name: str, into: Path, limit: int) -> None:
        """Write the source blob to a file. Raises KeyError when there is none, ValueError over `limit` bytes."""
        ...


Log = Callable[[bytes], Awaitable[None]]
"""Takes output as it comes."""


class Running(Protocol):
    """A container that runs on its own."""

    async def wait(self) -> int: ...

    async def stop(self, grace: float = ...) -> int | None:
        """Ask it to end, and after `grace` seconds end it. May be called again."""
        ...


class Containers(Protocol):
    """The containers of one run's steps, in one network of their own."""

    async def run(self, order: ContainerOrder, scratch: Path, log: Log) -> int:
        """Run a container to its end; its exit code. Raises Failure when it could not be started."""
        ...

    async def start(self, order: ContainerOrder, scratch: Path, log: Log) -> Running:
        """Start a container and leave it running."""
        ...

    async def keep_image(self, image: Image, name: str, scratch: Path) -> str:
        """Make an image that was built in this run usable as `ContainerOrder.image`, by the text returned."""
        ...


class Engine(Protocol):
    """Turns a build order into an image."""

    name: str

    async def build(self, order: BuildOrder, scratch: Path, log: Log) -> Image:
        """Build in `scratch`, passing output to `log` as it comes.

        Raises Failure with the reason when the build fails. When cancelled, no process, mount, container or file
        outside `scratch` is left by the time CancelledError is raised.
        """
        ...


class Resolved(Protocol):
    """A reference as the registry has it now."""

    @property
    def digest(self) -> str:
        """Digest of what the tag names: an index, or a manifest."""
        ...

    @property
    def manifest_digest(self) -> str:
        """Digest of the manifest for the platform asked for."""
        ...

    @property
    def config(self) -> Mapping[str, Any]:
        """OCI or Docker image config of that manifest."""
        ...

    @property
    def reusable(self) -> Sequence[str]:
        """diff_ids of its layers when `publish` can take all of them over as they are, else none."""
        ...


class Found(Protocol):
    """What a tag names now."""

    @property
    def digest(self) -> str: ...

    @property
    def index(self) -> bool:
        """True for an index, and where the registry does not say what it is."""
        ...

    @property
    def pause(self) -> float:
        """Seconds in which the registry should be asked nothing that can wait: its rate limit is nearly used up."""
        ...


@runtime_checkable
class RegistryFailure(Protocol):
    """What every `Failure` of a registry says of itself."""

    registry: str
    """``host[:port]``."""
    retry_after: float | None
    """Seconds that the registry asked to wait."""

    @property
    def transient(self) -> bool:
        """True when it does not answer, is busy or broken: whatever else it were asked would fail too."""
        ...


class Registries(Protocol):
    """Every OCI registry. Errors are `Failure`, and `RegistryFailure` where a registry was asked."""

    async def find(self, ref: Reference, credential: Credential | None = None) -> Found | None:
        """What the tag names now, by one request; None when there is no such tag."""
        ...

    async def platforms(self, ref: Reference, credential: Credential | None = None) -> Mapping[str, str] | None:
        """Digests of the manifests in an index by platform; of a plain image its own, under no name. None: absent."""
        ...

    async def digest(self, ref: Reference, credential: Credential | None = None) -> str | None:
        """Digest of the tag now; None when there is no such tag."""
        ...

    async def resolve(self, ref: Reference, platform: str, credential: Credential | None = None) -> Resolved | None: ...

    async def publish(
        self,
        image: Image,
        repository: Reference,
        base: Reference | None,
        credential: Credential | None = None,
        base_credential: Credential | None = None,
    ) -> str:
        """Upload blobs and the manifest, by digest and without a tag; return the manifest's digest."""
        ...

    async def tag(self, image: Reference, tag: str, credential: Credential | None = None) -> None: ...

    async def untag(self, ref: Reference, credential: Credential | None = None) -> bool:
        """Delete a tag and no other; False where the registry deletes no single tags. One that is gone is no error."""
        ...

    async def delete(self, ref: Reference, credential: Credential | None = None) -> None:
        """Delete the manifest `ref.digest` with all its tags; one that is gone is no error."""
        ...

    async def standing(
        self, repository: Reference, most: int, credential: Credential | None = None
    ) -> Mapping[str, Sequence[str]] | None:
        """For every tag the digest that it is at, then those that it needs as an index; None over `most` tags."""
        ...


class Vault(Protocol):
    """Azure Key Vault."""

    async def read(self, url: str, client_id: str | None) -> str:
        """A secret's value, by this machine's own identity or that of `client_id`. Raises Failure, never with it."""
        ...


class Identities(Protocol):
    """Cloud identities as logins of registries."""

    async def login(self, host: str, client_id: str | None) -> Credential:
        """User and password for a few hours. Raises Failure: the registry takes none, or not this one."""
        ...


class Sources(Protocol):
    """Build contexts."""

    async def fetch(
        self,
        context: str | None,
        token: str | None,
        into: Path,
        credentials: Mapping[str, Credential] | None = None,
    ) -> Source:
        """Fetch a context into an empty directory; `credentials` by host are for a context in a registry.

        Raises Failure with the reason.
        """
        ...

    async def heads(self, url: str, token: str | None, branches: Sequence[str]) -> Heads:
        """Where branches of a git repository are, and its default one. Raises Failure with the reason."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """An event on its way to somebody else's system."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    topic: bool = False
    """True where this machine's identity publishes to a topic of Event Grid."""


Post = Callable[[Letter], Awaitable[int]]
"""Sends a letter by POST and gives the answer's status; follows no redirect. Raises Failure where none came in time."""


class Busy(Exception):
    """Somebody else's service does not answer now; after `pause` seconds it may."""

    def __init__(self, message: str, pause: float = 0) -> None:
        super().__init__(message)
        self.pause = pause
