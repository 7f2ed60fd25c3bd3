"""Tags that are one run's own, because the run's id is part of their name: which those are, and which are to go."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from baselift.domain.images import Reference

MOST = 10_000
"""The largest number of runs whose tags a task can be told to keep."""
GRACE = timedelta(hours=8)
"""How long a tag stays that newer ones took the place of: as long as a run may take that pinned its image before."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class OwnTag:
    """A tag as a run that succeeded put it."""

    seq: int
    run: str
    image: Reference
    digest: str
    at: datetime
    """When the run was over."""

    @property
    def repository(self) -> Reference:
        """Where the tag is."""
        return replace(self.image, tag=None)


class Fate(Enum):
    """What is to become of a tag."""

    STAYS = "stays"
    GOES = "goes"
    AGAIN = "again"
    """A later run put the same tag: it is that run's."""


def twin(run_id: str) -> str:
    """Another run id, different in each digit of its number: what does not change with it does not name the run."""
    prefix, digits = run_id[:2], run_id[2:]
    return prefix + "".join(_DIGITS[(_DIGITS.index(digit) + 1) % len(_DIGITS)] for digit in digits)


def of_run(run_id: str, names: Iterable[Reference], twins: Collection[Reference]) -> tuple[str, ...]:
    """Those of a run's image names that are its own.

    Args:
        run_id: of the run.
        names: what its templates come to.
        twins: what the same templates come to for a run with the id `twin(run_id)`. A name among these is anybody's,
            even if it happens to have the run's id in it.
    """
    return tuple(dict.fromkeys(str(name) for name in names if has_id(name, run_id) and name not in twins))


def has_id(name: Reference, run_id: str) -> bool:
    """True when the whole id is in the tag: part of it would be in those of other runs too."""
    return run_id in (name.tag or "")


class Keeping:
    """Which of a task's tags stay: in each repository those of the newest runs that pushed to it.

    A tag that newer runs took the place of stays a while longer: whatever took its image for a base before may be
    building on it still.

    Args:
        runs: how many.
        before: no tag goes that was among the newest after this moment.
    """

    def __init__(self, runs: int, before: datetime) -> None:
        self._most, self._before = runs, before
        self._ends: dict[Reference, list[datetime]] = {}
        self._places: dict[tuple[Reference, int], int] = {}
        self._seen: set[Reference] = set()

    def fate(self, tag: OwnTag) -> Fate:
        """To be asked of every tag once, the newest run's first."""
        if tag.image in self._seen:
            return Fate.AGAIN
        self._seen.add(tag.image)
        ends = self._ends.setdefault(tag.repository, [])
        place = self._places.setdefault((tag.repository, tag.seq), len(ends))
        if place == len(ends):
            ends.append(tag.at)
        goes = place >= self._most and ends[place - self._most] <= self._before
        return Fate.GOES if goes else Fate.STAYS
