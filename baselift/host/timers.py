"""Timer triggers: when each fires, and what it remembers in storage."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.functions.meta import Datum

from baselift.host import hostjson, ncrontab
from baselift.host.errors import FunctionError
from baselift.host.invocation import Call

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient

    from baselift.host.invocation import Invoker
    from baselift.host.model import Function
    from baselift.host.storage import Storage

_log = logging.getLogger(__name__)
_CONTAINER = "azure-webjobs-hosts"
_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_LONGEST_SLEEP = 3600.0


class Schedule(Protocol):
    """When to fire next."""

    def after(self, moment: datetime) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Interval:
    """Fires once in every span of time."""

    span: timedelta

    def after(self, moment: datetime) -> datetime:
        return moment + self.span


def schedule_of(text: str) -> Schedule:
    """Read an NCRONTAB expression or a time span.

    Raises:
        FunctionError: the text is neither.
    """
    span = hostjson.time_span(text)
    if span:
        return Interval(span)
    try:
        return ncrontab.parse(text)
    except ncrontab.NcrontabError as error:
        raise FunctionError(f"{error}; a schedule is an NCRONTAB expression or a time span hh:mm:ss") from None


def is_monitored(schedule: Schedule, now: datetime) -> bool:
    """Whether missed occurrences are looked for: not when some come less than a minute apart."""
    moments = [now]
    for _ in range(5):
        moments.append(schedule.after(moments[-1]))
    gaps = [later - earlier for earlier, later in pairwise(moments[1:])]
    return min(gaps) >= timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Status:
    """What the blob of a timer holds: last and next occurrence, and when it was written."""

    last: datetime
    next: datetime
    updated: datetime

    def to_json(self) -> dict[str, str]:
        return {"Last": self.last.isoformat(), "Next": self.next.isoformat(), "LastUpdated": self.updated.isoformat()}


def status_from(text: bytes) -> Status | None:
    """Read a status; None when it is not one."""
    try:
        value = json.loads(text)
        moments = [datetime.fromisoformat(value[name]) for name in ("Last", "Next", "LastUpdated")]
    except (ValueError, KeyError, TypeError):
        return None
    return Status(*(moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments))


def timer_call(status: Status | None, reason: str, *, past_due: bool) -> Call:
    """The call that a timer makes."""
    value: dict[str, Any] = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": status.to_json() if status else None,
        "IsPastDue": past_due,
    }
    return Call(Datum(json.dumps(value), "json"), reason)


class StatusBlob:
    """The status of one timer in the host's storage; a storage fault is logged and leaves the timer running."""

    def __init__(self, storage: Storage, host_id: str, function_name: str) -> None:
        service = storage.blobs()
        self._container = service.get_container_client(_CONTAINER)
        name = f"timers/{host_id}/Host.Functions.{function_name}/status"
        self._blob: BlobClient = self._container.get_blob_client(name)

    async def read(self) -> Status | None:
        try:
            return status_from(await (await self._blob.download_blob()).readall())
        except ResourceNotFoundError:
            return None
        except AzureError as error:
            _log.warning("Timer status %s cannot be read: %s", self._blob.blob_name, error.message)
            return None

    async def write(self, status: Status) -> None:
        content = json.dumps(status.to_json()).encode()
        try:
            try:
                await self._blob.upload_blob(content, overwrite=True)
            except ResourceNotFoundError:
                with suppress(ResourceExistsError):
                    await self._container.create_container()
                await self._blob.upload_blob(content, overwrite=True)
        except AzureError as error:
            _log.warning("Timer status %s cannot be written: %s", self._blob.blob_name, error.message)


class TimerListener:
    """Fires one function by its schedule; a run that is late never overlaps the next one.

    Raises:
        FunctionError: the schedule is not one.
    """

    def __init__(self, function: Function, blob: StatusBlob | None, zone: tzinfo, invoker: Invoker) -> None:
        properties = function.trigger.properties
        self._schedule = schedule_of(str(properties["schedule"]))
        self._zone = zone
        wants_monitor = properties.get("useMonitor") is not False and is_monitored(self._schedule, self._now())
        self._blob = blob if wants_monitor else None
        self._at_start = bool(properties.get("runOnStartup"))
        self._function = function
        self._invoker = invoker
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Fire no more; a call that runs goes on."""
        self._stopping.set()

    async def run(self) -> None:
        status = await self._blob.read() if self._blob else None
        await self._start(status)
        while not self._stopping.is_set():
            due = self._schedule.after(self._now())
            if await self._stopped_before(due):
                return
            await self._fire(due, past_due=False)

    async def _start(self, status: Status | None) -> None:
        now = self._now()
        missed = self._missed(status, now) if status else None
        if missed:
            await self._fire(missed, past_due=True, status=status)
        elif self._at_start:
            await self._fire(now, past_due=False, status=status)
        elif self._blob:
            last = status.last if status else _NEVER
            await self._blob.write(Status(last, self._schedule.after(now), now))

    def _missed(self, status: Status, now: datetime) -> datetime | None:
        """The occurrence that passed unseen; none when the schedule is another one than the status was written for."""
        base = status.last if status.last > _NEVER else status.updated
        expected = self._schedule.after(base.astimezone(self._zone))
        if expected != status.next and self._schedule.after(status.updated.astimezone(self._zone)) != status.next:
            return None
        return expected if status.next < now else None

    async def _fire(self, due: datetime, *, past_due: bool, status: Status | None = None) -> None:
        known = status or (await self._blob.read() if self._blob else None)
        reason = f"Timer fired at {self._now().isoformat()}"
        with suppress(Exception):
            await self._invoker.invoke(self._function, timer_call(known, reason, past_due=past_due))
        if self._blob:
            now = self._now()
            await self._blob.write(Status(due, self._schedule.after(max(due, now)), now))

    async def _stopped_before(self, due: datetime) -> bool:
        while (left := (due - self._now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LONGEST_SLEEP)):
                    await self._stopping.wait()
            if self._stopping.is_set():
                return True
        return self._stopping.is_set()

    def _now(self) -> datetime:
        return datetime.now(self._zone)
