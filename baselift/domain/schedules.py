"""Timer schedules: five NCRONTAB fields, UTC, in which day and weekday must both match.

Source: NCrontab's CrontabSchedule, which ACR Tasks names as its library.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_MONTHS = (
    "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE",
    "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER",
)  # fmt: skip
_DAYS = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("weekday", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_VALUE = r"[0-9]{1,9}|[A-Za-z]{3,9}"
_PART = re.compile(rf"(?:\*|(?P<low>{_VALUE})(?:-(?P<high>{_VALUE}))?)(?:/(?P<step>[0-9]{{1,9}}))?")


_HORIZON = 366 * 40
"""Days that are searched: 29 February on a given weekday comes every 28 years, 40 over a century's turn."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a timer is due: minutes that have all five fields."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""

    def after(self, moment: datetime) -> datetime | None:
        """The first occurrence later than `moment` (aware); None when there is none within 40 years."""
        start = moment.astimezone(UTC)
        for days in range(_HORIZON):
            day = start.date() + timedelta(days=days)
            later = [at for at in self._times(day) if at > start]
            if later:
                return later[0]
        return None

    def latest(self, since: datetime, moment: datetime) -> datetime | None:
        """The last occurrence that is later than `since` and not later than `moment`; None when there is none."""
        end = moment.astimezone(UTC)
        for days in range((end.date() - since.astimezone(UTC).date()).days + 1):
            day = end.date() - timedelta(days=days)
            passed = [at for at in self._times(day) if since < at <= end]
            if passed:
                return passed[-1]
        return None

    def _times(self, day: date) -> list[datetime]:
        if day.month not in self.months or day.day not in self.days or day.isoweekday() % 7 not in self.weekdays:
            return []
        return [
            datetime.combine(day, time(hour, minute), UTC)
            for hour in sorted(self.hours)
            for minute in sorted(self.minutes)
        ]


def parse(text: str) -> Schedule:
    """Read a schedule. Raises ValueError with what would be right, also for one that names no date."""
    words = text.split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"five fields (minute hour day month weekday, UTC), not {len(words)}")
    values = [_field(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
    days, months = values[2], values[3]
    if min(days) > max(_MONTH_DAYS[month - 1] for month in months):
        raise ValueError("a date that exists: none of these months has such a day")
    return Schedule(*(frozenset(each) for each in values))


def _field(word: str, name: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    return set[int]().union(*(_part(part, name, low, high, names) for part in word.split(",")))


def _part(part: str, name: str, low: int, high: int, names: dict[str, int]) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"five fields of '*', numbers, 'a-b', '*/n' and lists of them; the {name} '{part}' is none")
    step = int(match["step"] or 1)
    first = _number(match["low"], low, name, low, high, names)
    # As NCRONTAB: "a/n" runs from a to the end, a lone "a" is only a.
    last = _number(match["high"], high if match["step"] or not match["low"] else first, name, low, high, names)
    if not step or first > last:
        raise ValueError(f"a schedule whose {name} has a step of at least 1 and a range that rises; '{part}' has not")
    return range(first, last + 1, step)


def _number(word: str | None, default: int, name: str, low: int, high: int, names: dict[str, int]) -> int:
    if word is None:
        return default
    # As NCRONTAB: the start of an English name will do, here from three letters on, where all differ.
    number = int(word) if word.isdigit() else next((names[name] for name in names if name.startswith(word.upper())), -1)
    if not low <= number <= high:
        known = f" or {next(iter(names))[:3]} to {next(reversed(names))[:3]}" if names else ""
        raise ValueError(f"a schedule whose {name} is {low} to {high}{known}; '{word}' is not")
    return number
