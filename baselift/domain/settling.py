"""The settle window: a multi-arch update pushes its index several times, and counts as one movement.

Each push of another index begins the window again, up to a limit from the first push on, so that a tag which is pushed
without end is still decided about.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST = 6
"""Windows from the first push to the decision at most."""


@dataclass(frozen=True, slots=True)
class Settling:
    """A movement that is not decided yet."""

    digest: str
    """The index that the tag was at when it was last looked at."""
    since: datetime
    """When the first push was seen."""
    until: datetime
    """When it is decided."""

    def over(self, now: datetime) -> bool:
        """True when it is time to decide."""
        return now >= self.until


def joined(before: Settling | None, digest: str, now: datetime, window: timedelta) -> Settling:
    """The pending decision after the tag was seen at an index, which is `before` itself when nothing is new."""
    if before is None:
        return Settling(digest, now, now + window)
    if before.digest == digest:
        return before
    return Settling(digest, before.since, min(now + window, before.since + LONGEST * window))
