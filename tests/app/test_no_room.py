"""The builder's disk has no room for the files of a run."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
from app.quick import Quick

from baselift.app.execute_run import execute_run
from baselift.domain.builds import Source
from baselift.domain.runs import Status


class Failing:
    """Sources on a disk that gives this error."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def fetch(self, _context: str | None, _token: str | None, into: Path, *_: object) -> Source:
        raise OSError(self.number, os.strerror(self.number), str(into))


@pytest.fixture
def site(tmp_path: Path) -> Quick:
    return Quick(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_run_that_finds_no_room_fails_at_once_with_that_reason(site, number):
    site.world = replace(site.world, sources=Failing(number))
    await site.ask()
    await site.drain()
    (ended,) = await site.runs()
    assert (ended.status, ended.error) == (Status.FAILED, "no space left on the builder's disk; free some")


async def test_another_fault_of_the_disk_is_tried_again(site):
    site.world = replace(site.world, sources=Failing(errno.EIO))
    run = await site.ask()
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        await execute_run(site.world, run.registry, run.id)
    (left,) = await site.runs()
    assert (left.status, left.error) == (Status.RUNNING, "internal error: OSError")
