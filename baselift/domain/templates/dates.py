"""Sprig's date functions."""

import re
from typing import Any

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.instants import NANO, Instant, from_datetime
from baselift.domain.templates.layouts import formatted, parsed
from baselift.domain.templates.limits import Context
from baselift.domain.templates.values import INT64_MAX, Int64

FUNCTIONS = Registry()
_DAY_LAYOUT = "2006-01-02"
_UNITS = {
    "ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 1_000_000,
    "s": NANO, "m": 60 * NANO, "h": 3600 * NANO,
}  # fmt: skip
_DURATION = re.compile(r"([0-9]{0,19})(?:(\.)([0-9]{0,19}))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


@FUNCTIONS.add("now", context=True)
def now(context: Context) -> Instant:
    """The time of the rendering."""
    if context.now is None:
        raise Fault("there is no clock here: the text must not depend on the time")
    return from_datetime(context.now)


def _moment(context: Context, value: Any) -> Instant:
    if isinstance(value, Instant):
        return value
    return Instant(int(value)) if type(value) in (int, Int64) else now(context)


@FUNCTIONS.add("date", "string", "any", context=True)
def date(context: Context, layout: str, value: Any) -> str:
    """A time, or seconds since 1970, by a Go layout; anything else is now."""
    return date_in_zone(context, layout, value, "Local")


@FUNCTIONS.add("dateInZone date_in_zone", "string", "any", "string", context=True)
def date_in_zone(context: Context, layout: str, value: Any, zone: str) -> str:
    """`date` in a zone; an unknown zone is UTC."""
    context.charge(8 * len(layout))
    return formatted(_moment(context, value).within(zone), layout)


@FUNCTIONS.add("htmlDate", "any", context=True)
def html_date(context: Context, value: Any) -> str:
    """The day as HTML forms hold it."""
    return date_in_zone(context, _DAY_LAYOUT, value, "Local")


@FUNCTIONS.add("htmlDateInZone", "any", "string", context=True)
def html_date_in_zone(context: Context, value: Any, zone: str) -> str:
    """`htmlDate` in a zone."""
    return date_in_zone(context, _DAY_LAYOUT, value, zone)


@FUNCTIONS.add("dateModify date_modify", "string", "time")
def modify(duration: str, moment: Instant) -> Instant:
    """The time later by the duration; the time itself when the duration is none."""
    nanos = _nanoseconds(duration)
    return moment if nanos is None else moment.plus(nanos)


@FUNCTIONS.add("ago", "any", context=True)
def ago(context: Context, value: Any) -> str:
    """How long ago the time was, to the second."""
    moment, current = _moment(context, value), now(context)
    passed = (current.seconds - moment.seconds) * NANO + current.nanos - moment.nanos
    seconds, rest = divmod(abs(passed), NANO)
    seconds += rest * 2 >= NANO
    return _shown(min(seconds, INT64_MAX // NANO), negative=passed < 0)


def _shown(seconds: int, *, negative: bool) -> str:
    if not seconds:
        return "0s"
    text = f"{seconds % 60}s"
    if seconds >= 60:  # noqa: PLR2004 - a minute
        text = f"{seconds // 60 % 60}m{text}"
    if seconds >= 3600:  # noqa: PLR2004 - an hour
        text = f"{seconds // 3600}h{text}"
    return "-" * negative + text


FUNCTIONS.add("toDate", "string", "string")(parsed)
FUNCTIONS.add("unixEpoch", "time")(lambda moment: str(moment.seconds))


def _nanoseconds(text: str) -> int | None:
    negative, body = text[:1] == "-", text[text[:1] in ("-", "+") :]
    if body == "0":
        return 0
    total, at = 0, 0
    while at < len(body):
        found = _DURATION.match(body, at)
        if not found or not (found[1] or found[3]):
            return None
        unit = _UNITS[found[4]]
        fraction = found[3] or "0"
        total += int(found[1] or 0) * unit + int(fraction) * unit // 10 ** len(fraction)
        at = found.end()
    if not body or total > INT64_MAX + negative:
        return None
    return -total if negative else total
