"""Numbers of runs. A movement with many dependents asks for many at once: those who wait are served by one write."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from baselift.app.ports import Conflict, Row, Stale, Tables

SEQS, _KEY = "seqs", "seq"

Number = tuple[int, str]
"""A sequence number and the prefix that run ids of its registry have."""


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asking: int = 0
    ready: deque[Number] = field(default_factory=deque)
    last: Row | None = None
    """What this process wrote last: tried before the row is read again."""


class Numbers:
    """Gives the numbers of every registry. One for each process; any number of processes may share the table."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, _Queue] = defaultdict(_Queue)

    async def take(self, tables: Tables, registry: str, prefix: Callable[[], str]) -> Number:
        """The registry's next number; `prefix` makes that of one without any. None is given twice, some never."""
        queue = self._queues[registry]
        queue.asking += 1
        try:
            async with queue.lock:
                if not queue.ready:
                    queue.ready.extend(await _block(tables, registry, prefix, queue))
                return queue.ready.popleft()
        finally:
            queue.asking -= 1
            if not queue.asking:
                # Of those who asked some were stopped: a number given later would not be in the order of time.
                queue.ready.clear()


async def _block(tables: Tables, registry: str, prefix: Callable[[], str], queue: _Queue) -> list[Number]:
    # Whoever asks in this moment is served by this write, too.
    await asyncio.sleep(0)
    while True:
        row, count = queue.last or await tables.get(SEQS, registry, _KEY), queue.asking
        first, letters = (1, prefix()) if row is None else (row.number("next"), row.text("prefix"))
        after = Row(registry, _KEY, {"next": first + count, "prefix": letters}, "" if row is None else row.etag)
        try:
            etag = await (tables.insert(SEQS, after) if row is None else tables.replace(SEQS, after))
        except (Conflict, Stale):
            queue.last = None
            continue
        queue.last = replace(after, etag=etag)
        return [(number, letters) for number in range(first, first + count)]
