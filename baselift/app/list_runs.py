"""List runs, newest first, page by page."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from baselift.app import run_rows
from baselift.app.world import World
from baselift.domain.runs import Run

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
    size: int,
    below: int | None = None,
) -> Page:
    """The next `size` runs that match. `task`: the name that every match must have, read from that task's index."""
    found: list[Run] = []
    scanned = 0
    async for run in _runs(world, registry, task, below):
        scanned += 1
        if matches(run):
            found.append(run)
        if len(found) == size or scanned == SCANNED:
            return Page(found, run.seq)
    return Page(found, None)


def _runs(world: World, registry: str, task: str | None, below: int | None) -> AsyncIterator[Run]:
    if task is None:
        return run_rows.newest(world, registry, below)
    return run_rows.newest_of_task(world, registry, task, below)
