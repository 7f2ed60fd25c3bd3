"""What an app's functions listen on, each built with the checks that need its storage or route."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from baselift.host.errors import FunctionError, HostError
from baselift.host.queues import QueueListener
from baselift.host.storage import HOST_STORAGE
from baselift.host.timers import StatusBlob, TimerListener
from baselift.host.web import Endpoint, endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from baselift.host.hostjson import HostConfig
    from baselift.host.invocation import Invoker
    from baselift.host.model import Function
    from baselift.host.outputs import QueueWriter, Wakeups
    from baselift.host.settings import Settings
    from baselift.host.storage import Storage

_log = logging.getLogger(__name__)


class Listener(Protocol):
    """Calls a function whenever its trigger says so."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(slots=True)
class Listeners:
    """Everything the functions of an app listen on; `loops` make a fresh listener each time."""

    endpoints: list[Endpoint] = field(default_factory=list)
    events: dict[str, Function] = field(default_factory=dict)
    loops: dict[str, Callable[[], Listener]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds the listeners of one host."""

    config: HostConfig
    settings: Settings
    storage: Storage
    invoker: Invoker
    writer: QueueWriter
    wakeups: Wakeups
    host_id: str

    def build(self, functions: list[Function], errors: dict[str, str]) -> Listeners:
        """Listeners for `functions`; one that cannot have its listener is added to `errors`."""
        built = Listeners()
        for function in functions:
            try:
                self._check_outputs(function)
                self._add(function, built)
            except FunctionError as error:
                errors[function.name] = str(error)
        return built

    def _check_outputs(self, function: Function) -> None:
        returned = (function.returned,) if function.returned else ()
        for binding in (*function.outputs, *returned):
            if binding.type == "queue":
                name = str(binding.properties["queueName"])
                self.storage.queue(binding.properties.get("connection"), "any" if "{" in name else name)
            elif function.trigger.type != "httpTrigger":
                raise FunctionError(f"output binding {binding.name!r} of type http needs an HTTP trigger")

    def _add(self, function: Function, built: Listeners) -> None:
        kind = function.trigger.type
        if kind == "httpTrigger":
            built.endpoints.append(endpoint(function, self.config.route_prefix, built.endpoints))
        elif kind == "eventGridTrigger":
            built.events[function.name] = function
        elif kind == "queueTrigger":
            options = (self.config.queues, self.invoker, self.writer, self.wakeups)
            self._listen(function, partial(QueueListener, function, self.storage, *options), built)
        else:
            status, zone = self._status(function), time_zone(self.settings)
            self._listen(function, partial(TimerListener, function, status, zone, self.invoker), built)

    def _listen(self, function: Function, make: Callable[[], Listener], built: Listeners) -> None:
        make()  # raises what is wrong with it before the host serves
        if not function.disabled:
            built.loops[function.name] = make

    def _status(self, function: Function) -> StatusBlob | None:
        try:
            return StatusBlob(self.storage, self.host_id, function.name)
        except FunctionError:
            _log.warning("Timer '%s' does not look for missed runs: %s is not set", function.name, HOST_STORAGE)
            return None


def time_zone(settings: Settings) -> tzinfo:
    """The zone of timer schedules: WEBSITE_TIME_ZONE, else TZ, else UTC.

    Raises:
        HostError: there is no such zone.
    """
    name = settings.get("WEBSITE_TIME_ZONE") or os.environ.get("TZ")
    if not name:
        return UTC
    try:
        return ZoneInfo(name.removeprefix(":"))
    except (KeyError, ValueError, OSError):
        raise HostError(
            f"time zone {name!r} is not known; WEBSITE_TIME_ZONE takes a name like 'Europe/Berlin'"
        ) from None
