"""Tables in memory."""

import asyncio
import itertools
from bisect import bisect_left, insort
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from baselift.app.ports import AHEAD, Conflict, Row, Stale, Value, Write
from baselift.memory import rules

PAGE = 1000
_Key = tuple[str, str]
_Stored = tuple[dict[str, Value], str]


@dataclass(slots=True)
class _Table:
    rows: dict[_Key, _Stored] = field(default_factory=dict)
    order: list[_Key] = field(default_factory=list)

    def put(self, at: _Key, stored: _Stored) -> None:
        if at not in self.rows:
            insort(self.order, at)
        self.rows[at] = stored

    def drop(self, at: _Key) -> None:
        if self.rows.pop(at, None) is not None:
            del self.order[bisect_left(self.order, at)]


class MemoryTables:
    """Implements `Tables`: conflicts, etags and batches as on Azure, with a suspension before every operation."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}
        self._versions = itertools.count(1)

    async def get(self, table: str, partition: str, key: str) -> Row | None:
        await asyncio.sleep(0)
        found = self._table(table).rows.get((rules.key(partition), rules.key(key)))
        return None if found is None else Row(partition, key, dict(found[0]), found[1])

    async def insert(self, table: str, row: Row) -> str:
        await asyncio.sleep(0)
        return self._apply(table, [Write("insert", row)])[0]

    async def replace(self, table: str, row: Row) -> str:
        await asyncio.sleep(0)
        if not row.etag:
            raise ValueError(f"{table}/{row.partition}/{row.key}: only a row that was read can be replaced (no etag)")
        return self._apply(table, [Write("replace", row)])[0]

    async def upsert(self, table: str, row: Row) -> str:
        await asyncio.sleep(0)
        return self._apply(table, [Write("upsert", row)])[0]

    async def delete(self, table: str, partition: str, key: str, etag: str | None = None) -> None:
        await asyncio.sleep(0)
        if (rules.key(partition), rules.key(key)) in self._table(table).rows:
            self._apply(table, [Write("delete", Row(partition, key, {}, etag or ""))])

    async def batch(self, table: str, writes: Sequence[Write]) -> Sequence[str]:
        await asyncio.sleep(0)
        rules.batch(table, writes)
        return self._apply(table, writes)

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        partitions: tuple[str, str] | None = None,
        keys: tuple[str, str] | None = None,
        only: Sequence[str] = (),
        ahead: int = AHEAD,  # noqa: ARG002  # nothing is fetched here
    ) -> AsyncIterator[Row]:
        """Pages of 1,000 rows, each as it is when it is asked for."""
        if partition is not None and partitions is not None:
            raise ValueError(f"partition {partition!r} and partitions {partitions!r}: one of them is right")
        after: _Key | None = None
        while True:
            await asyncio.sleep(0)
            page, after = self._page(self._table(table), after, partition, partitions, keys)
            for row in page:
                yield replace(row, values=_some(row, only)) if only else row
            if after is None:
                return

    def _table(self, name: str) -> _Table:
        rules.table_name(name)
        return self._tables.setdefault(name, _Table())

    def _apply(self, name: str, writes: Sequence[Write]) -> list[str]:
        """Check every write, then do all of them; their etags."""
        table = self._table(name)
        values = [rules.stored(name, each.row) if each.kind != "delete" else {} for each in writes]
        for each in writes:
            _check(name, each, table.rows.get((each.row.partition, each.row.key)))
        return [self._do(table, each, stored) for each, stored in zip(writes, values, strict=True)]

    def _do(self, table: _Table, write: Write, stored: dict[str, Value]) -> str:
        at = (rules.key(write.row.partition), rules.key(write.row.key))
        if write.kind == "delete":
            table.drop(at)
            return ""
        etag = f'W/"{next(self._versions)}"'
        table.put(at, (stored, etag))
        return etag

    def _page(
        self,
        table: _Table,
        after: _Key | None,
        partition: str | None,
        partitions: tuple[str, str] | None,
        keys: tuple[str, str] | None,
    ) -> tuple[list[Row], _Key | None]:
        low = partition if partition is not None else (partitions or ("", ""))[0]
        first = (low, (keys or ("", ""))[0])
        rows: list[Row] = []
        for at in itertools.islice(table.order, bisect_left(table.order, after or first), None):
            if (partition is not None and at[0] != partition) or (partitions and at[0] >= partitions[1]):
                break
            if keys is None or keys[0] <= at[1] < keys[1]:
                if len(rows) == PAGE:
                    return rows, at
                rows.append(Row(*at, dict(table.rows[at][0]), table.rows[at][1]))
        return rows, None


def _some(row: Row, names: Sequence[str]) -> Mapping[str, Value]:
    return {name: row.values[name] for name in names if name in row.values}


def _check(table: str, write: Write, found: _Stored | None) -> None:
    where = f"{table}/{write.row.partition}/{write.row.key}"
    if write.kind == "insert" and found is not None:
        raise Conflict(f"{where} exists")
    if write.kind in ("replace", "delete") and (found is None or write.row.etag not in ("", found[1])):
        raise Stale(f"{where} changed, or is gone")
