"""List runs, newest first, page by page."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from baselift.app import run_rows
from baselift.app.world import World
from baselift.domain.runs import Run, Status

SCANNED = 5000
"""Rows read for one page at most; a filter that matches few of them gets a short page and a link to go on."""


@dataclass(frozen=True, slots=True)
class Page:
    """Runs, and the sequence number below which the next page begins; None at the end."""

    runs: list[Run]
    below: int | None


async def list_runs(
    world: World,
    registry: str,
    matches: Callable[[Run], bool],
    *,
    task: str | None,
    statuses: frozenset[Status] | None = None,
    size: int,
    below: int | None = None,
    scanned: int = SCANNED,
) -> Page:
    """The next `size` runs that match.

    `task` and `statuses` are what every match must have, None for any: they choose the index that is read. Runs that
    are not over are found without reading those that are. `scanned` rows are read at most.
    """
    found: list[Run] = []
    looked = 0
    if statuses is not None and not any(status.final for status in statuses):
        runs = _numbered(run_rows.newest_active(world, registry, below))
    elif task is None:
        ahead = size if statuses is None else scanned
        runs = run_rows.looked_through(world, registry, statuses, below, ahead=ahead)
    else:
        runs = _numbered(run_rows.newest_of_task(world, registry, task, below, ahead=size))
    async for seq, run in runs:
        looked += 1
        if run is not None and matches(run):
            found.append(run)
        if len(found) == size or looked == scanned:
            return Page(found, seq)
    return Page(found, None)


async def _numbered(runs: AsyncIterator[Run]) -> AsyncIterator[tuple[int, Run | None]]:
    async for run in runs:
        yield run.seq, run
