"""Go's time layouts: the reference time Mon Jan 2 15:04:05 MST 2006."""

import re

from baselift.domain.templates.instants import MONTHS, NANO, WEEKDAYS, Instant, civil, days_of

_LAYOUT = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|_2006|__2|002|01|02|03|04|05|06|15|_2|1|2|3|4|5|PM|pm"
    r"|[-Z]07:00:00|[-Z]070000|[-Z]07:00|[-Z]0700|[-Z]07|[.,](?:0+|9+)(?![0-9])"
)
ZERO = Instant(-62135596800)
_NUMBERS = {
    "01": (2, 2), "1": (1, 2), "02": (2, 2), "2": (1, 2), "_2": (1, 2), "15": (1, 2), "03": (2, 2), "3": (1, 2),
    "04": (2, 2), "4": (1, 2), "05": (2, 2), "5": (1, 2), "06": (2, 2), "2006": (4, 4), "002": (3, 3), "__2": (1, 3),
}  # fmt: skip
_LONGEST = 256
_ZONE = re.compile(
    r"UTC|ChST|MeST|GMT[+-](?:2[0-3]|[01]?[0-9])(?![0-9])|[+-](?:2[0-3]|[01][0-9])(?![0-9])"
    r"|(?:[A-Z]{3,4}T|WITA|[A-Z]{3})(?![A-Z])|GMT"
)
_OFFSETS = {
    "07": re.compile(r"([+-])(\d\d)", re.ASCII),
    "0700": re.compile(r"([+-])(\d\d)(\d\d)", re.ASCII),
    "07:00": re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII),
    "070000": re.compile(r"([+-])(\d\d)(\d\d)(\d\d)", re.ASCII),
    "07:00:00": re.compile(r"([+-])(\d\d):(\d\d):(\d\d)", re.ASCII),
}


def formatted(moment: Instant, layout: str) -> str:
    """The time as the layout shows it."""
    return _LAYOUT.sub(lambda found: _part(moment, found.group()), layout)


def _part(moment: Instant, part: str) -> str:
    year, month, day = moment.date
    hour, minute, second = moment.clock
    if part[0] in ".,":
        return _fraction(moment.nanos, part)
    if part[0] in "-Z" and part[1] == "0":
        return _offset(moment.offset, part)
    half = hour % 12 or 12
    shown = {
        "January": MONTHS[month - 1], "Jan": MONTHS[month - 1][:3], "01": f"{month:02d}", "1": str(month),
        "Monday": WEEKDAYS[moment.weekday], "Mon": WEEKDAYS[moment.weekday][:3],
        "02": f"{day:02d}", "_2": f"{day:2d}", "2": str(day),
        "002": f"{moment.day_of_year:03d}", "__2": f"{moment.day_of_year:3d}",
        "2006": f"{'-' * (year < 0)}{abs(year):04d}", "06": f"{abs(year) % 100:02d}",
        "15": f"{hour:02d}", "03": f"{half:02d}", "3": str(half),
        "04": f"{minute:02d}", "4": str(minute), "05": f"{second:02d}", "5": str(second),
        "PM": "AM" if hour < 12 else "PM", "pm": "am" if hour < 12 else "pm",  # noqa: PLR2004 - noon
        "MST": moment.zone,
    }  # fmt: skip
    shown["_2006"] = "_" + shown["2006"]
    return shown[part]


def _fraction(nanos: int, part: str) -> str:
    digits = f"{nanos:09d}".ljust(len(part) - 1, "0")[: len(part) - 1]
    if part[1] == "9":
        digits = digits.rstrip("0")
    return part[0] + digits if digits else ""


def _offset(offset: int, part: str) -> str:
    if part[0] == "Z" and offset == 0:
        return "Z"
    sign, size = ("-" if offset < 0 else "+"), abs(offset)
    pieces = [f"{size // 3600:02d}", f"{size // 60 % 60:02d}", f"{size % 60:02d}"]
    count = {2: 1, 4: 2, 6: 3}[len(part[1:].replace(":", ""))]
    return sign + (":" if ":" in part else "").join(pieces[:count])


def parsed(layout: str, text: str) -> Instant:
    """The time a text shows by the layout; Go's zero time when it does not."""
    if len(layout) > _LONGEST or len(text) > _LONGEST:
        return ZERO
    try:
        return _Reader(text).read(layout)
    except ValueError:
        return ZERO


class _Reader:
    def __init__(self, text: str) -> None:
        self.rest = text
        self.found: dict[str, int] = {}
        self.zone = "UTC"
        self.afternoon: bool | None = None

    def read(self, layout: str) -> Instant:
        at = 0
        for part in _LAYOUT.finditer(layout):
            self._literal(layout[at : part.start()])
            self._part(part.group())
            at = part.end()
        self._literal(layout[at:])
        if self.rest:
            raise ValueError(self.rest)
        return self._instant()

    def _literal(self, text: str) -> None:
        for word in re.findall(r" +|[^ ]", text):
            if word.startswith(" "):
                if self.rest and not self.rest.startswith(" "):
                    raise ValueError(self.rest)
                self.rest = self.rest.lstrip(" ")
            else:
                self._take(word)

    def _take(self, text: str) -> None:
        if not self.rest.startswith(text):
            raise ValueError(self.rest)
        self.rest = self.rest[len(text) :]

    def _part(self, part: str) -> None:
        if part == "_2006":
            self._take("_")
            part = "2006"
        if part in _NUMBERS:
            self._number(part)
        elif part in ("January", "Jan"):
            self.found["month"] = self._name(MONTHS, part) + 1
        elif part in ("Monday", "Mon"):
            self._name(WEEKDAYS, part)
        elif part in ("PM", "pm"):
            self._half(part)
        elif part == "MST":
            self.zone = self._match(_ZONE).group()
        elif part[0] in ".,":
            self._fraction(part)
        else:
            self._offset(part)

    def _number(self, part: str) -> None:
        for _ in range(part.count("_")):
            self.rest = self.rest.removeprefix(" ")
        least, most = _NUMBERS[part]
        digits = self._match(re.compile(f"[0-9]{{{least},{most}}}")).group()
        name = {
            "1": "month", "2": "day", "15": "hour", "3": "hour", "4": "minute", "5": "second", "6": "year",
            "2006": "year", "002": "yearday", "__2": "yearday",
        }[part if part in ("15", "2006", "002", "__2") else part.lstrip("0_")]  # fmt: skip
        number = int(digits)
        if name == "hour" and number > (23 if part == "15" else 12):
            raise ValueError(number)
        if part == "06":
            number += 1900 if number >= 69 else 2000  # noqa: PLR2004 - Go's pivot
        self.found[name] = number
        if name == "second" and not part.startswith("__"):
            extra = re.match(r"[.,][0-9]+", self.rest)
            if extra:
                self._nanos(extra.group())

    def _name(self, names: tuple[str, ...], part: str) -> int:
        short = part in ("Jan", "Mon")
        for place, name in enumerate(names):
            wanted = name[:3] if short else name
            if self.rest[: len(wanted)].lower() == wanted.lower():
                self.rest = self.rest[len(wanted) :]
                return place
        raise ValueError(self.rest)

    def _half(self, part: str) -> None:
        choices = {"PM": ("AM", "PM"), "pm": ("am", "pm")}[part]
        if self.rest[:2] not in choices:
            raise ValueError(self.rest)
        self.afternoon = self.rest[:2] == choices[1]
        self.rest = self.rest[2:]

    def _fraction(self, part: str) -> None:
        if part[1] == "9":
            extra = re.match(r"[.,][0-9]+", self.rest)
            if extra:
                self._nanos(extra.group())
        elif "nanos" not in self.found:
            self._nanos(self._match(re.compile(rf"[.,][0-9]{{{len(part) - 1}}}")).group(), consumed=True)

    def _nanos(self, text: str, *, consumed: bool = False) -> None:
        self.found["nanos"] = int(text[1:10].ljust(9, "0"))
        if not consumed:
            self.rest = self.rest[len(text) :]

    def _offset(self, part: str) -> None:
        if part[0] == "Z" and self.rest.startswith("Z"):
            self.rest = self.rest[1:]
            return
        found = self._match(_OFFSETS[part[1:]])
        hours, minutes, seconds = [int(piece) for piece in (*found.groups()[1:], "0", "0")][:3]
        if hours > 24 or minutes > 59 or seconds > 59:  # noqa: PLR2004 - as Go bounds them
            raise ValueError(found.group())
        size = hours * 3600 + minutes * 60 + seconds
        self.found["offset"] = -size if found[1] == "-" else size

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.rest)
        if not found:
            raise ValueError(self.rest)
        self.rest = self.rest[found.end() :]
        return found

    def _instant(self) -> Instant:
        year, month, day = self._date()
        hour, minute, second = self._clock()
        offset = self.found.get("offset", 0)
        seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset
        if self.zone.startswith("GMT") and "offset" not in self.found:
            offset = 3600 * int(self.zone[3:] or "0")  # as Go: the clock is taken for UTC, and shown in that zone
        zone = self.zone if self.zone != "UTC" else "UTC" if not offset else _offset(offset, "-0700")
        return Instant(seconds, self.found.get("nanos", 0) % NANO, offset, zone)

    def _date(self) -> tuple[int, int, int]:
        year = self.found.get("year", 0)
        if "yearday" in self.found:
            return self._by_day_of_year(year)
        month, day = self.found.get("month", 1), self.found.get("day", 1)
        if not 1 <= month <= 12:  # noqa: PLR2004 - months
            raise ValueError(month)
        following = days_of(year + month // 12, month % 12 + 1, 1)
        if not 1 <= day <= following - days_of(year, month, 1):
            raise ValueError(day)
        return year, month, day

    def _by_day_of_year(self, year: int) -> tuple[int, int, int]:
        number = self.found["yearday"]
        if not 1 <= number <= days_of(year + 1, 1, 1) - days_of(year, 1, 1):
            raise ValueError(number)
        _, month, day = civil(days_of(year, 1, number))
        if self.found.get("month", month) != month or self.found.get("day", day) != day:
            raise ValueError(number)
        return year, month, day

    def _clock(self) -> tuple[int, int, int]:
        hour = self.found.get("hour", 0)
        if self.afternoon is not None:
            hour = hour + 12 if self.afternoon and hour < 12 else 0 if not self.afternoon and hour == 12 else hour  # noqa: PLR2004
        minute, second = self.found.get("minute", 0), self.found.get("second", 0)
        if minute > 59 or second > 59:  # noqa: PLR2004 - a clock
            raise ValueError(minute, second)
        return hour, minute, second
