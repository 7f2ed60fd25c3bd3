"""One in-memory storage account."""

from collections.abc import Callable
from datetime import UTC, datetime

from baselift.app.ports import Blobs, Queues, Tables
from baselift.memory.blobs import MemoryBlobs
from baselift.memory.queues import MemoryQueues
from baselift.memory.tables import MemoryTables


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryStore(MemoryTables, MemoryQueues, MemoryBlobs):
    """Tables, queues and blobs in memory, each protocol implemented by this one object; time comes from `clock`."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        MemoryTables.__init__(self)
        MemoryQueues.__init__(self, clock)
        MemoryBlobs.__init__(self, clock)

    @property
    def tables(self) -> Tables:
        """Itself, as the Azure account has it."""
        return self

    @property
    def queues(self) -> Queues:
        """Itself, as the Azure account has it."""
        return self

    @property
    def blobs(self) -> Blobs:
        """Itself, as the Azure account has it."""
        return self

    async def close(self) -> None:
        """Nothing to close."""
