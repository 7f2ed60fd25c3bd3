"""Is everything as it should be? One line for each part, and what to do where it is not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, Protocol

from baselift.app import base_rows, credentials, signs
from baselift.app.ports import RegistryFailure
from baselift.app.registrations import Registration
from baselift.app.signs import Signs
from baselift.app.world import BUILDS, SCANS, World
from baselift.domain.builds import Failure
from baselift.domain.images import Reference

Status = Literal["OK", "WARN", "FAIL"]

SECONDS = 20
"""How long one check may take."""
FRESH = timedelta(minutes=1)
"""How long what the engine's try said is good: it costs a second of the machine."""
BASES = 2000
"""Bases looked at for the newest movement."""
_SLACK = 2 * signs.EVERY
_ASKED = "baselift-doctor/absent"
_NO_EVENT = "have the registry send events to /webhooks/DIALECT: until then only the reconciler finds movements"
_SEEN_BY = "the app's log says why"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """One part's state; `advice` says what to do, and is empty where all is well."""

    name: str
    status: Status
    detail: str
    advice: str = ""


class Tried(Protocol):
    """What a try of the engine said."""

    @property
    def ok(self) -> bool: ...

    @property
    def engine(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def reason(self) -> str: ...


Try = Callable[[], Awaitable[Tried]]


class Diagnosis:
    """Looks at every part. One for a process: it keeps what the engine's try said."""

    def __init__(self, world: World, known: Signs, schedule: str, started: datetime, attempt: Try) -> None:
        """`schedule`: of the reconciler; `started`: when this process was; `attempt` tries the engine."""
        self._world, self._signs = world, known
        self._schedule, self._started = schedule, started
        self._attempt = attempt
        self._trying = asyncio.Lock()
        self._tried: tuple[datetime, Tried] | None = None

    async def checks(self) -> list[Check]:
        """All checks, in an order for people. None of them fails as a whole, and none takes more than `SECONDS`."""
        registered = await self._registered()
        named: list[tuple[str, Callable[[], Awaitable[Check]]]] = [
            ("storage", self._storage),
            ("engine", self._engine),
            *((f"registry {each.name}", partial(self._registry, each)) for each in registered),
            ("reconcile", self.rounds),
            ("events", self._events),
            *((f"queue {queue}", partial(self._queue, queue)) for queue in (BUILDS, SCANS)),
        ]
        return list(await asyncio.gather(*(_within(name, check) for name, check in named)))

    async def _registered(self) -> Sequence[Registration]:
        try:
            return await self._world.registrations.all()
        except Exception:
            log.exception("the registrations cannot be read")
            return ()

    async def _storage(self) -> Check:
        await self._world.tables.get(signs.TABLE, "doctor", "doctor")
        await self._world.queues.depth(BUILDS)
        await self._world.blobs.read_log("doctor")
        return Check("storage", "OK", "tables, queues and blobs answer")

    async def _engine(self) -> Check:
        async with self._trying:
            now = self._world.now()
            if self._tried is None or now - self._tried[0] >= FRESH:
                self._tried = now, await self._attempt()
        found = self._tried[1]
        if found.ok:
            return Check("engine", "OK", f"{found.engine} {found.version} builds")
        return Check("engine", "FAIL", found.reason, "no run can build until the builder's machine has what is missing")

    async def _registry(self, registration: Registration) -> Check:
        name, address = f"registry {registration.name}", registration.address
        image = Reference(address, _ASKED, "latest")
        try:
            await self._world.registries.digest(image, await credentials.for_watching(self._world, image))
        except Failure as failure:
            return _unlike(name, failure)
        return Check(name, "OK", f"{address} answers")

    async def rounds(self) -> Check:
        """Whether rounds of repairs end when they should, in whichever process. Raises when storage does not answer."""
        last, now = await self._signs.last_round(), self._world.now()
        due = signs.due(self._schedule, max(self._started, last or self._started))
        told = "no round has ended yet" if last is None else f"the last round ended {_ago(now, last)}"
        if due is not None and now > due:
            advice = f"one was due at {due:%H:%M:%S} UTC: see that the timer 'reconcile' runs; {_SEEN_BY}"
            return Check("reconcile", "FAIL", told, advice)
        return Check("reconcile", "OK", told)

    async def _events(self) -> Check:
        came, moved, now = await self._signs.last_events(), await self._last_movement(), self._world.now()
        told = ", ".join(f"{dialect} {_ago(now, at)}" for dialect, at in sorted(came.items())) or "none has come"
        last = max(came.values(), default=None)
        if last is None:
            return Check("events", "WARN", told, _NO_EVENT)
        if moved is not None and moved > last + _SLACK:
            advice = f"a base image moved {_ago(now, moved)} and no event told of it: see the registry's webhooks"
            return Check("events", "WARN", told, advice)
        return Check("events", "OK", told)

    async def _last_movement(self) -> datetime | None:
        newest, seen = "", 0
        async for stored in base_rows.every(self._world):
            # Times are all in UTC and written alike, so that the latest comes last as a text too.
            newest, seen = max(newest, stored.moved), seen + 1
            if seen == BASES:
                break
        return datetime.fromisoformat(newest) if newest else None

    async def _queue(self, queue: str) -> Check:
        waiting = await self._world.queues.depth(queue)
        given_up = await self._world.queues.depth(f"{queue}-poison")
        detail = f"{waiting} waiting, {given_up} given up"
        if given_up:
            advice = f"messages in '{queue}-poison' failed five times: {_SEEN_BY}; then delete them"
            return Check(f"queue {queue}", "WARN", detail, advice)
        return Check(f"queue {queue}", "OK", detail)


def _unlike(name: str, failure: Failure) -> Check:
    if isinstance(failure, RegistryFailure) and failure.transient:
        return Check(name, "FAIL", str(failure), "see whether it runs, and whether the app's machine reaches it")
    # It answers. That it shows nothing to whoever asks for what is not there may be right.
    advice = "see that its user and password are registered: baselift registry add NAME --username … --password-stdin"
    return Check(name, "WARN", str(failure), advice)


async def _within(name: str, check: Callable[[], Awaitable[Check]]) -> Check:
    try:
        async with asyncio.timeout(SECONDS):
            return await check()
    except TimeoutError:
        return Check(name, "FAIL", f"no answer within {SECONDS} s", "see whether it can be reached from the app")
    except Exception as error:
        log.exception("the check of %s failed", name)
        return Check(name, "FAIL", f"it cannot be looked at ({type(error).__name__})", _SEEN_BY)


def _ago(now: datetime, at: datetime) -> str:
    seconds = max(0, int((now - at).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
