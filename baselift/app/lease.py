"""A builder's hold on a run: claimed by a conditional write, renewed while it works, checked before it moves a tag."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from baselift.app import run_rows
from baselift.app.ports import Stale
from baselift.app.run_rows import Stored
from baselift.app.world import World
from baselift.domain.runs import Run

log = logging.getLogger(__name__)


class Lost(Exception):
    """Another builder holds the run, or it is over: what was done so far counts for nothing."""


class Canceled(Exception):
    """Somebody asked for the run to be canceled."""


class OutOfTime(Exception):
    """The run's timeout is over."""


class Lease:
    """One attempt's hold on a run."""

    def __init__(self, world: World, stored: Stored) -> None:
        self._world, self._stored = world, stored
        self._writing = asyncio.Lock()

    @classmethod
    async def claim(cls, world: World, stored: Stored) -> "Lease":
        """Claim the run as it was read. Raises Stale when somebody was faster."""
        claimed = stored.run.claimed(world.token(), world.now(), world.lease)
        return cls(world, await run_rows.save(world, stored, claimed))

    @property
    def run(self) -> Run:
        """The run as last read or written."""
        return self._stored.run

    async def check(self) -> timedelta:
        """Renew the lease and return how long it holds from now.

        Raises:
            Lost: the run is another's.
        """
        await self.write(lambda run: replace(run, lease_until=self._world.now() + self._world.lease))
        return self._world.lease

    async def write(self, change: Callable[[Run], Run]) -> Run:
        """Change the run's row while it is ours.

        Raises:
            Lost: the run is another's.
        """
        async with self._writing:
            while True:
                try:
                    self._stored = await run_rows.save(self._world, self._stored, change(self.run))
                except Stale:
                    await self._read()
                    continue
                return self.run

    async def keep(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work, renewing the lease, until it is done, canceled, out of time or no longer ours.

        Raises:
            Lost, Canceled, OutOfTime: after the work was cancelled and has cleaned up. What the work raises, too.
        """
        working = asyncio.ensure_future(work())
        watching = asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (watching, working):
                if not task.done():
                    task.cancel()
            outcome, verdict = await asyncio.gather(working, watching, return_exceptions=True)
        if outcome is not None:
            # What ended the work is told before what the work made of being ended.
            raise outcome if isinstance(verdict, asyncio.CancelledError) else verdict or outcome

    async def _watch(self) -> None:
        renewed = self._world.now()
        while True:
            await asyncio.sleep(min(self._world.poll, self._world.lease.total_seconds() / 4))
            now = self._world.now()
            renewed = await self._attend(now, renewed)
            self._judge(now)

    async def _attend(self, now: datetime, renewed: datetime) -> datetime:
        try:
            if now - renewed < self._world.lease / 3:
                await self._look()
                return renewed
            await self.check()
        except Lost:
            raise
        except Exception:
            # A store that does not answer for a moment ends no build; one that does not for a whole lease does.
            log.exception("run %s: its lease could not be renewed", self.run.id)
            if now - renewed >= self._world.lease:
                raise Lost from None
            return renewed
        return now

    async def _look(self) -> None:
        async with self._writing:
            await self._read()

    async def _read(self) -> None:
        current = await run_rows.by_seq(self._world, self.run.registry, self.run.seq)
        if current is None or current.run.owner != self.run.owner:
            raise Lost
        self._stored = current

    def _judge(self, now: datetime) -> None:
        if self.run.cancel_requested:
            raise Canceled
        deadline = self.run.deadline()
        if deadline is not None and now >= deadline:
            raise OutOfTime
