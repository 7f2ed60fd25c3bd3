"""Points in time of any year, with their zone: Go's time.Time. The local zone is UTC, as in the engine's container."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from baselift.domain.templates.functions import Function
from baselift.domain.templates.values import GoObject, Int64, wrapped

NANO = 1_000_000_000
_DAY = 86400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZERO_SECONDS = -62135596800
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970, in the proleptic Gregorian calendar."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004 - the year starts in March
    return era * 400 + year + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1  # noqa: PLR2004


def days_of(year: int, month: int, day: int) -> int:
    """The opposite of `civil`."""
    shifted_year = year - (month <= 2)  # noqa: PLR2004 - the year starts in March
    era, of_era = divmod(shifted_year, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@dataclass(frozen=True)
class Instant(GoObject):
    """Seconds and nanoseconds since 1970, shown at `offset` seconds east of UTC under the zone's abbreviation."""

    seconds: int
    nanos: int = 0
    offset: int = 0
    zone: str = "UTC"

    go_type = "time.Time"

    def text(self) -> str:
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def json(self) -> str:
        return self.format("2006-01-02T15:04:05.999999999Z07:00")

    def format(self, layout: str) -> str:
        """By a Go layout."""
        from baselift.domain.templates.layouts import formatted  # noqa: PLC0415 - layouts are made of instants

        return formatted(self, layout)

    @property
    def date(self) -> tuple[int, int, int]:
        """Year, month, day."""
        return civil((self.seconds + self.offset) // _DAY)

    @property
    def clock(self) -> tuple[int, int, int]:
        """Hour, minute, second."""
        second = (self.seconds + self.offset) % _DAY
        return second // 3600, second // 60 % 60, second % 60

    @property
    def weekday(self) -> int:
        """0 for Sunday."""
        return ((self.seconds + self.offset) // _DAY + 4) % 7

    @property
    def day_of_year(self) -> int:
        """1 for the first of January."""
        return (self.seconds + self.offset) // _DAY - days_of(self.date[0], 1, 1) + 1

    def plus(self, nanos: int) -> "Instant":
        """Later by this many nanoseconds."""
        carried, rest = divmod(self.nanos + nanos, NANO)
        return Instant(wrapped(self.seconds + carried), rest, self.offset, self.zone)

    def within(self, zone: str) -> "Instant":
        """The same instant in a zone by its IANA name; an unknown name is UTC."""
        offset, name = _zone_at(self.seconds, zone)
        return Instant(self.seconds, self.nanos, offset, name)

    def methods(self) -> Mapping[str, Function]:
        numbers: dict[str, Callable[[], Any]] = {
            "Unix": lambda: Int64(self.seconds),
            "UnixNano": lambda: Int64(wrapped(self.seconds * NANO + self.nanos)),
            "UnixMilli": lambda: Int64(wrapped(self.seconds * 1000 + self.nanos // 1_000_000)),
            "Year": lambda: self.date[0],
            "Month": lambda: Named("time.Month", MONTHS[self.date[1] - 1]),
            "Day": lambda: self.date[2],
            "Hour": lambda: self.clock[0],
            "Minute": lambda: self.clock[1],
            "Second": lambda: self.clock[2],
            "Nanosecond": lambda: self.nanos,
            "Weekday": lambda: Named("time.Weekday", WEEKDAYS[self.weekday]),
            "YearDay": lambda: self.day_of_year,
            "UTC": lambda: Instant(self.seconds, self.nanos),
            "Local": lambda: Instant(self.seconds, self.nanos, 0, "UTC"),
            "IsZero": lambda: (self.seconds, self.nanos) == (ZERO_SECONDS, 0),
            "String": self.text,
        }
        methods = {name: Function(body, ()) for name, body in numbers.items()}
        methods["Format"] = Function(self.format, ("string",))
        methods["Before"] = Function(lambda other: self.order < other.order, ("time",))
        methods["After"] = Function(lambda other: self.order > other.order, ("time",))
        methods["Equal"] = Function(lambda other: self.order == other.order, ("time",))
        methods["AddDate"] = Function(self.add_date, ("int", "int", "int"))
        return methods

    @property
    def order(self) -> tuple[int, int]:
        """What instants are compared by."""
        return self.seconds, self.nanos

    def add_date(self, years: int, months: int, days: int) -> "Instant":
        """Later by years, months and days; days that a month lacks run into the next."""
        year, month, day = self.date
        carried, month = divmod(month - 1 + months, 12)
        start = days_of(year + years + carried, month + 1, 1) + day - 1 + days
        of_day = (self.seconds + self.offset) % _DAY
        return Instant(wrapped(start * _DAY + of_day - self.offset), self.nanos, self.offset, self.zone)


@dataclass(frozen=True)
class Named(GoObject):
    """A constant with a name: a month or a day of the week."""

    go_type: str  # type: ignore[misc]
    name: str

    go_kind = "int"

    def text(self) -> str:
        return self.name


def from_datetime(moment: datetime) -> Instant:
    """An aware datetime, in UTC."""
    since = moment.astimezone(UTC) - _EPOCH
    return Instant(since.days * _DAY + since.seconds, since.microseconds * 1000)


def _zone_at(seconds: int, name: str) -> tuple[int, str]:
    if name in ("", "UTC", "Local"):
        return 0, "UTC"
    try:
        moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(ZoneInfo(name))
    except (KeyError, ValueError, OSError, OverflowError):
        return 0, "UTC"
    offset = moment.utcoffset() or timedelta()
    return offset.days * _DAY + offset.seconds, moment.tzname() or name
