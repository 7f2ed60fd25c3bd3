"""NCRONTAB schedules: when a timer fires. Pure: the moment comes in, the next one comes out.

Five fields `minute hour day month weekday`, or six with a leading `second`. A field is a comma list of `*`, `a`, `a-b`,
each with an optional `/step` (`a/step` runs from `a` to the field's end). Months and weekdays may be written as English
names of three letters or more; Sunday is 0. A day matches when month, day **and** weekday match.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_MONTHS = tuple(name.lower() for name in calendar.month_name)
_WEEKDAYS = ("sunday", *(name.lower() for name in calendar.day_name[:6]))
_LONGEST_MONTH = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FIVE_FIELDS, _SIX_FIELDS = 5, 6
_SHORTEST_NAME = 3


class NcrontabError(ValueError):
    """The text is no NCRONTAB expression; the message names the field, its value and what would be right."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 6, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed expression. Each tuple holds the matching values of its field in increasing order."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    recurring: bool
    """Whether second, minute or hour is a `*`, a range or a step: such a schedule also runs in a repeated hour."""

    def after(self, moment: datetime) -> datetime:
        """The first occurrence strictly later than `moment`, in the time zone of `moment` (none stays none).

        Fields mean wall-clock time. Where clocks go back, a recurring schedule runs through the repeated hour and any
        other runs once, the first time; where they go forward, an occurrence in the gap moves past it.

        Raises:
            OverflowError: the year 9999 ends first.
        """
        if moment.tzinfo is None:
            return self._wall_after(moment)
        found = self._next_instant(moment)
        repeated = self._in_repeated_hour(moment, found) if self.recurring else found
        return min(found, repeated, key=_instant)

    def _next_instant(self, moment: datetime) -> datetime:
        wall = moment.replace(tzinfo=None, fold=0)
        while True:
            wall = self._wall_after(wall)
            for fold in (0, 1) if self.recurring else (0,):
                found = wall.replace(tzinfo=moment.tzinfo, fold=fold)
                if _instant(found) > _instant(moment):
                    return _existing(found)

    def _in_repeated_hour(self, moment: datetime, found: datetime) -> datetime:
        lost = (moment.utcoffset() or timedelta()) - (found.utcoffset() or timedelta())
        if lost <= timedelta():
            return found
        wall = moment.replace(tzinfo=None, fold=0) - lost
        while True:
            wall = self._wall_after(wall)
            again = wall.replace(tzinfo=moment.tzinfo, fold=1)
            if _instant(again) > _instant(moment):
                return _existing(again)

    def _wall_after(self, moment: datetime) -> datetime:
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        if self._matches(start.date()):
            found = self._time_from(start.time())
            if found is not None:
                return datetime.combine(start.date(), found)
        day = start.date() + timedelta(days=1)
        while not self._matches(day):
            day = _first_of_next_month(day) if day.month not in self.months else day + timedelta(days=1)
        return datetime.combine(day, time(self.hours[0], self.minutes[0], self.seconds[0]))

    def _matches(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _time_from(self, start: time) -> time | None:
        """The first matching time of day that is not before `start`; None when the day has no more."""
        for hour in (value for value in self.hours if value >= start.hour):
            if hour > start.hour:
                return time(hour, self.minutes[0], self.seconds[0])
            for minute in (value for value in self.minutes if value >= start.minute):
                if minute > start.minute:
                    return time(hour, minute, self.seconds[0])
                for second in (value for value in self.seconds if value >= start.second):
                    return time(hour, minute, second)
        return None


def parse(text: str) -> Schedule:
    """Read an NCRONTAB expression of five or six fields.

    Raises:
        NcrontabError: the text does not follow the grammar of this module, or names a day that no year has.
    """
    parts = text.split()
    if len(parts) == _FIVE_FIELDS:
        parts = ["0", *parts]
    if len(parts) != _SIX_FIELDS:
        raise NcrontabError(f"schedule {text!r} has {len(parts)} fields; it takes 5 (minute first) or 6 (second first)")
    values = [_values(field, part) for field, part in zip(_FIELDS, parts, strict=True)]
    days, months = values[3], values[4]
    if days[0] > max(_LONGEST_MONTH[month] for month in months):
        raise NcrontabError(f"schedule {text!r} never occurs: none of its months has a day {days[0]}")
    seconds, minutes, hours, *_, weekdays = values
    recurring = any(mark in part for part in parts[:3] for mark in "*-/")
    return Schedule(seconds, minutes, hours, days, months, weekdays, recurring)


def _values(field: _Field, text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for item in text.split(","):
        found.update(_item(field, item))
    return tuple(sorted(found))


def _item(field: _Field, item: str) -> range:
    body, slash, step_text = item.partition("/")
    step = _step(field, step_text) if slash else 1
    if body == "*":
        return range(field.low, field.high + 1, step)
    first_text, dash, last_text = body.partition("-")
    first = _number(field, first_text)
    last = _number(field, last_text) if dash else (field.high if slash else first)
    if last < first:
        raise NcrontabError(f"{field.name} range {body!r} runs backwards; write the smaller value first")
    return range(first, last + 1, step)


def _step(field: _Field, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise NcrontabError(f"{field.name} step {text!r} is not a whole number above 0")
    return int(text)


def _number(field: _Field, text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else _named(field, text.lower())
    if value is None or not field.low <= value <= field.high:
        names = f" or a name like {field.names[1][:3]!r}" if field.names else ""
        raise NcrontabError(f"{field.name} {text!r} is not a number from {field.low} to {field.high}{names}")
    return value


def _named(field: _Field, text: str) -> int | None:
    if len(text) < _SHORTEST_NAME:
        return None
    return next((index for index, name in enumerate(field.names) if name.startswith(text)), None)


def _instant(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _existing(moment: datetime) -> datetime:
    """The same instant as a wall clock shows it: a time in a gap becomes the one after the gap."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo)


def _first_of_next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
