"""Storage that counts what is asked of it: requests, and rows read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

from baselift.app.ports import AHEAD, WHOLE, Row
from baselift.app.world import World

CALLS = frozenset({"get", "insert", "replace", "upsert", "delete", "batch", "send", "depth", "create_log"})


@dataclass
class Count:
    """What was asked since the beginning."""

    requests: int = 0
    rows: int = 0

    def __str__(self) -> str:
        return f"{self.requests:,} requests, {self.rows:,} rows"


@dataclass
class _Counting:
    part: Any
    count: Count = field(default_factory=Count)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.part, name)
        if name not in CALLS:
            return method

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.count.requests += 1
            result = await method(*args, **kwargs)
            self.count.rows += isinstance(result, Row)
            return result

        return counted

    async def query(self, *args: Any, ahead: int = AHEAD, **kwargs: Any) -> AsyncIterator[Row]:
        """One request for each page that the adapter asks for."""
        number, first = 0, min(ahead, WHOLE)
        self.count.requests += 1
        async for row in self.part.query(*args, ahead=ahead, **kwargs):
            if number >= first and (number - first) % WHOLE == 0:
                self.count.requests += 1
            number += 1
            self.count.rows += 1
            yield row


def counted(world: World) -> tuple[World, Count]:
    """The world, and the count of what is asked of its storage."""
    count = Count()
    tables, queues, blobs = (_Counting(part, count) for part in (world.tables, world.queues, world.blobs))
    return replace(world, tables=tables, queues=queues, blobs=blobs), count
