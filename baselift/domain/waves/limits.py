"""How a wave meets failure: retries, the breaker of a task, the failure budget. The figures stand here alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from baselift.domain.runs import Status

RETRIES: Mapping[Status, Sequence[float]] = {
    Status.FAILED: (60, 600),
    Status.ERROR: (60, 600),
    Status.TIMEOUT: (600,),
}
"""Seconds before each further attempt at a member whose run ended so; a state that is not here is not tried again."""

BREAKER_LIMIT = 3
"""Members of one task that fail one after the other before its breaker opens."""
BREAKER_PAUSE, BREAKER_LONGEST = timedelta(hours=1), timedelta(hours=32)
"""How long an open breaker keeps the task from being built; doubled with every further failure."""


def pause_after(status: Status, attempt: int) -> float | None:
    """Seconds until a member is tried again whose `attempt`-th run ended so; None when it is not."""
    pauses = RETRIES.get(status, ())
    return pauses[attempt - 1] if attempt <= len(pauses) else None


@dataclass(frozen=True, slots=True)
class Breaker:
    """A task's failures in a row. Open, it keeps waves from building the task for a time; then one attempt is made."""

    failures: int = 0
    until: datetime | None = None

    def open(self, now: datetime) -> bool:
        """True while the task is not built by waves."""
        return self.until is not None and now < self.until

    @property
    def half_open(self) -> bool:
        """True when the next attempt decides: it is not repeated."""
        return self.until is not None

    def failed(self, now: datetime) -> "Breaker":
        """After one more member failed for good."""
        failures = self.failures + 1
        if failures < BREAKER_LIMIT:
            return replace(self, failures=failures)
        pause = min(BREAKER_PAUSE * 2 ** (failures - BREAKER_LIMIT), BREAKER_LONGEST)
        return Breaker(failures, now + pause)


CLOSED = Breaker()


@dataclass(frozen=True, slots=True)
class Budget:
    """How many members may fail before the wave is halted: so many, or such a share of them."""

    count: int | None = None
    share: float | None = None

    def spent(self, failed: int, total: int) -> bool:
        """True when `failed` of `total` members are more than the wave may lose."""
        if self.count is not None:
            return failed > self.count
        return self.share is not None and failed > self.share * total

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{(self.share or 0) * 100:g}%"


UNLIMITED = Budget()


def parse_budget(text: str) -> Budget:
    """Read ``20%`` or ``5``; empty for no limit. Raises ValueError with what would be right."""
    text = text.strip()
    if not text:
        return UNLIMITED
    number, percent = text.removesuffix("%"), text.endswith("%")
    if not number.isdigit() or (percent and int(number) > 100):  # noqa: PLR2004
        raise ValueError(f"'{text}': a count of members, for example 5, or a share of them from 0% to 100%, is right")
    return Budget(share=int(number) / 100) if percent else Budget(count=int(number))
