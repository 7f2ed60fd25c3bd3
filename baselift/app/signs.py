"""Signs of life: when the last round of repairs ended, and when each kind of push event last came.

They are for people and for `/health`; nothing is decided by them.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from baselift.app.ports import Row, Tables
from baselift.app.world import World
from baselift.domain.occurrences import occurrences

TABLE = "signs"
_ROUNDS, _ROUND, _EVENTS = "rounds", "reconcile", "events"
EVERY = timedelta(minutes=1)
"""How often at most one kind of event is written down: a push must not cost a write more."""
MISSED = 3
"""Rounds that may be missed."""
LEAST = timedelta(seconds=30)
"""How long a round may take however often it should begin."""

log = logging.getLogger(__name__)


class Signs:
    """Writes signs down; remembers what it wrote."""

    def __init__(self, world: World) -> None:
        self._tables: Tables = world.tables
        self._now = world.now
        self._written: dict[str, datetime] = {}

    async def round_finished(self) -> None:
        """A round of repairs has ended, with every repair done."""
        await self._tables.upsert(TABLE, Row(_ROUNDS, _ROUND, {"at": self._now().isoformat()}))

    async def event_came(self, dialect: str) -> None:
        """An event of this kind has come from a sender who may send it. Never fails: the event matters more."""
        now, last = self._now(), self._written.get(dialect)
        if last is not None and now - last < EVERY:
            return
        self._written[dialect] = now
        try:
            await self._tables.upsert(TABLE, Row(_EVENTS, dialect, {"at": now.isoformat()}))
        except Exception:
            self._written.pop(dialect, None)
            log.exception("that an event of '%s' came could not be written down", dialect)

    async def last_round(self) -> datetime | None:
        """When the last round of repairs ended; None when none ever did."""
        row = await self._tables.get(TABLE, _ROUNDS, _ROUND)
        return None if row is None else _at(row)

    async def last_events(self) -> Mapping[str, datetime]:
        """Kind of event -> when the last one came, up to `EVERY` too early."""
        return {row.key: _at(row) async for row in self._tables.query(TABLE, partition=_EVENTS)}


def due(schedule: str, since: datetime) -> datetime | None:
    """When a round must have ended that ended at `since` last, or could begin from then on; None when that is unknown.

    Args:
        schedule: NCRONTAB of five or six fields.
        since: aware.
    """
    try:
        third = next(at for number, at in enumerate(occurrences(schedule, since), 1) if number == MISSED)
    except (ValueError, StopIteration):
        return None
    return max(third, since + LEAST)


def _at(row: Row) -> datetime:
    return datetime.fromisoformat(row.text("at"))
