"""host.json: the host's own options, each of which a setting `AzureFunctionsJobHost__a__b` overrides."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from baselift.host.errors import HostError
from baselift.host.settings import Settings, read_object

if TYPE_CHECKING:
    from pathlib import Path

_MOST_MESSAGES_PER_FETCH = 32
_LONGEST_HIDDEN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues`: how every queue trigger of the app fetches and gives up."""

    batch_size: int
    new_batch_threshold: int
    max_polling_interval: timedelta
    visibility_timeout: timedelta
    max_dequeue_count: int
    base64: bool


@dataclass(frozen=True, slots=True)
class HostConfig:
    """The options this host honours. `function_timeout` None means none; `functions` None means all."""

    function_timeout: timedelta | None
    route_prefix: str
    queues: QueueOptions
    functions: frozenset[str] | None


def load(app_dir: Path, settings: Settings) -> HostConfig:
    """Read host.json of the app with its overrides.

    Raises:
        HostError: the file is missing or wrong; the text names the key, the value and what would be right.
    """
    content = read_object(app_dir / "host.json")
    if content.get("version") != "2.0":
        raise HostError(f'host.json: version is {content.get("version")!r}; it must be "2.0"')
    options = _Options(content, settings)
    return HostConfig(
        function_timeout=_timeout(options),
        route_prefix=options.text("extensions.http.routePrefix", "api").strip("/"),
        queues=_queues(options, settings),
        functions=_allowed(content.get("functions")),
    )


class _Options:
    """The values of host.json by dotted name, in any case, under the overrides."""

    def __init__(self, content: dict[str, Any], settings: Settings) -> None:
        self._values = dict(_leaves(content))
        self._values.update((".".join(path), value) for path, value in settings.under("AzureFunctionsJobHost"))

    def value(self, name: str) -> Any:
        return self._values.get(name.lower())

    def text(self, name: str, default: str) -> str:
        value = self.value(name)
        return default if value is None else str(value)

    def number(self, name: str, default: int, low: int, high: int | None = None) -> int:
        value = self.value(name)
        if value is None:
            return default
        number = int(str(value)) if re.fullmatch(r"-?\d+", str(value)) else None
        if number is None or number < low or (high is not None and number > high):
            most = "" if high is None else f" to {high}"
            raise HostError(f"host.json: {name} is {value!r}; it must be a whole number from {low}{most}")
        return number

    def span(self, name: str, default: timedelta, low: timedelta, high: timedelta | None = None) -> timedelta:
        value = self.value(name)
        if value is None:
            return default
        span = time_span(str(value))
        if span is None or span < low or (high is not None and span > high):
            most = "" if high is None else f" and at most {high}"
            raise HostError(f"host.json: {name} is {value!r}; it must be hh:mm:ss, at least {low}{most}")
        return span


def _leaves(content: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in content.items():
        path = prefix + name.lower()
        found += _leaves(value, path + ".") if isinstance(value, dict) else [(path, value)]
    return found


def _timeout(options: _Options) -> timedelta | None:
    if options.value("functionTimeout") in {"-1", "-00:00:01"}:
        return None
    return options.span("functionTimeout", timedelta(minutes=30), timedelta(seconds=1))


def _queues(options: _Options, settings: Settings) -> QueueOptions:
    development = (settings.get("AZURE_FUNCTIONS_ENVIRONMENT") or "").lower() == "development"
    batch_size = options.number("extensions.queues.batchSize", 16, 1, _MOST_MESSAGES_PER_FETCH)
    encoding = options.text("extensions.queues.messageEncoding", "base64").lower()
    if encoding not in {"base64", "none"}:
        raise HostError(f"host.json: extensions.queues.messageEncoding is {encoding!r}; it must be 'base64' or 'none'")
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=options.number(
            "extensions.queues.newBatchThreshold", batch_size // 2 * (os.cpu_count() or 1), 0
        ),
        max_polling_interval=options.span(
            "extensions.queues.maxPollingInterval",
            timedelta(seconds=2) if development else timedelta(minutes=1),
            timedelta(milliseconds=100),
        ),
        visibility_timeout=options.span(
            "extensions.queues.visibilityTimeout", timedelta(), timedelta(), _LONGEST_HIDDEN
        ),
        max_dequeue_count=options.number("extensions.queues.maxDequeueCount", 5, 1),
        base64=encoding == "base64",
    )


def _allowed(functions: Any) -> frozenset[str] | None:
    if functions is None:
        return None
    if not isinstance(functions, list) or not all(isinstance(name, str) for name in functions):
        raise HostError(f"host.json: functions is {functions!r}; it must be a list of function names")
    return frozenset(name.lower() for name in functions)


def time_span(text: str) -> timedelta | None:
    """The .NET time span `[d.]hh:mm[:ss[.fffffff]]`; None when the text is something else."""
    match = re.fullmatch(r"(?:(\d+)\.)?([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d(?:\.\d{1,7})?))?", text.strip())
    if not match:
        return None
    days, hours, minutes, seconds = match.groups(default="0")
    return timedelta(days=int(days), hours=int(hours), minutes=int(minutes), seconds=float(seconds))
