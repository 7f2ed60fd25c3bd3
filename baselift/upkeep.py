"""Settings of what the app does on its own: how often it looks, how much it queues, how long it keeps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from baselift.domain import notifications
from baselift.domain.waves.limits import UNLIMITED, parse_budget
from baselift.domain.waves.states import ANY_NUMBER, Policy

_POLL = 600.0
_HOST = "="
_MOST_PAUSES, _LONGEST_PAUSE = 20, 86_400


class InvalidUpkeep(Exception):
    """`problems` names every setting that is wrong, and what would be right."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Upkeep:
    """docs/settings.md explains each. The names are those of `World`'s fields."""

    settle: timedelta = timedelta(seconds=20)
    periods: Mapping[str, float] = field(default_factory=lambda: {"": _POLL})
    window: int = 200
    retention: timedelta = timedelta(days=30)
    waves: Policy = field(default_factory=Policy)
    notify_pauses: Sequence[float] = notifications.PAUSES

    def fields(self) -> dict[str, Any]:
        """As keyword arguments of `World`."""
        return {
            name: getattr(self, name) for name in ("settle", "periods", "window", "retention", "waves", "notify_pauses")
        }


def load(env: Mapping[str, str]) -> Upkeep:
    """Raises InvalidUpkeep."""
    problems: list[str] = []

    def number(name: str, default: str, what: str, read: Callable[[str], float] = float) -> float:
        text = env.get(name) or default
        try:
            found = read(text)
        except ValueError:
            found = -1
        if not 0 <= found < float("inf"):
            problems.append(f"{name} is '{text}'; it must be {what}, 0 or more")
        return found

    settle = number("BASELIFT_SETTLE_SECONDS", "20", "a number of seconds")
    window = number("BASELIFT_BUILD_WINDOW", "200", "a whole number of runs", int)
    days = number("BASELIFT_RETENTION_DAYS", "30", "a number of days")
    concurrency = number("BASELIFT_WAVE_CONCURRENCY", "50", "a whole number of runs", int)
    registry = number("BASELIFT_REGISTRY_CONCURRENCY", "0", "a whole number of runs", int)
    budget = UNLIMITED
    try:
        budget = parse_budget(env.get("BASELIFT_WAVE_FAILURES", ""))
    except ValueError as error:
        problems.append(f"BASELIFT_WAVE_FAILURES is {error}")
    periods, wrong = _periods(env.get("BASELIFT_POLL_SECONDS", ""))
    pauses, amiss = _pauses(env.get("BASELIFT_NOTIFY_PAUSES", ""))
    if problems := [*problems, *wrong, *amiss]:
        raise InvalidUpkeep(problems)
    waves = Policy(int(concurrency) or ANY_NUMBER, budget, int(registry))
    return Upkeep(timedelta(seconds=settle), periods, int(window), timedelta(days=days), waves, pauses)


def _periods(text: str) -> tuple[dict[str, float], list[str]]:
    """Words ``seconds`` and ``host=seconds``."""
    found, wrong = {"": _POLL}, []
    for word in filter(None, (each.strip() for each in text.split(","))):
        host, _, seconds = word.rpartition(_HOST)
        if seconds.isdecimal() and (host or _HOST not in word):
            found[host.lower()] = float(seconds)
        else:
            wrong.append(f"BASELIFT_POLL_SECONDS has '{word}'; it must be SECONDS or HOST=SECONDS, in whole seconds")
    return found, wrong


def _pauses(text: str) -> tuple[Sequence[float], list[str]]:
    """Numbers of seconds, separated by commas; nothing is the usual."""
    if not text.strip():
        return notifications.PAUSES, []
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = [-1.0]
    right = len(found) <= _MOST_PAUSES and all(0 <= seconds <= _LONGEST_PAUSE for seconds in found)
    told = f"at most {_MOST_PAUSES} numbers of seconds from 0 to {_LONGEST_PAUSE}, separated by commas"
    return found, [] if right else [f"BASELIFT_NOTIFY_PAUSES is '{text}'; it must be {told}"]
