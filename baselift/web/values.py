"""How single values are shown to people: times, durations, digests, states."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup, escape

_SHORT = 12
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Chip:
    """A state: its tone gives colour and sign, the word says it to those who see neither."""

    tone: str
    """`good`, `busy`, `warn`, `bad` or `off`."""
    word: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: `machine` is RFC 3339 in UTC, `text` what stands there until the reader's zone is known."""

    machine: str
    text: str


def short_digest(digest: str | None) -> str:
    """``sha256:0123456789ab…`` without the algorithm, as far as people compare it."""
    return (digest or "").partition(":")[2][:_SHORT] or (digest or "")[:_SHORT]


def local(image: str, home: str) -> str:
    """An image's reference without what goes without saying: the registry at `home`, and Docker Hub."""
    return image.removeprefix(f"{home}/" if home else "").removeprefix("docker.io/library/").removeprefix("docker.io/")


def named(registry: str, task: str, here: str) -> str:
    """A task's name on a page of the registry `here`: one of another registry has that in front."""
    return task if registry.lower() == here.lower() else f"{registry}/{task}"


def brief(text: str) -> str:
    """A sentence with its digests cut to where people stop reading."""
    return _DIGEST.sub(r"\1", text)


def ticks(text: str) -> Markup:
    """A sentence in which `commands` stand between backticks, as the API's texts have them."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    shown = (Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts))
    return Markup("").join(shown)


def moment(time: datetime | str | None) -> Moment | None:
    """A time, or None for none. What is no time is none."""
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return None
    if time is None:
        return None
    time = time.astimezone(UTC)
    return Moment(time.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{time:%Y-%m-%d %H:%M:%S} UTC")


def duration(seconds: float | None) -> str:
    """``850 ms``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``, ``3 d``; empty for None."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{max(0, seconds) * 1000:.0f} ms"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole, _MINUTE, "min", 1, "s")
    return _two(whole, _HOUR, "h", _MINUTE, "min") if whole < _DAY else _two(whole, _DAY, "d", _HOUR, "h")


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 image``, ``2 images``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large} {large_name}" + (f" {rest} {small_name}" if rest else "")
