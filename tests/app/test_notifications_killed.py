"""Whatever call a process dies at, those who are to be told of runs and waves are."""

from pathlib import Path

import pytest
from app.crashing import Process, until_death
from app.told import Told, staged

from baselift.app.world import World


async def story(told: Told, world: World) -> None:
    """A base moves; what follows is built and told."""
    await told.move(1, world)
    while waiting := told.model.waiting():
        queue, text = waiting[0]
        await told.model.handle(queue, text, world)
        told.model.take(queue, text)


async def played(directory: Path, process: Process) -> Told:
    """The story, by a process that may die, and what comes after."""
    told = await staged(directory)
    await told.add()
    await until_death(story(told, process.world(told.world)))
    await told.model.settle()
    return told


def expected(told: Told) -> list[str]:
    return sorted({f"{event['type']} {event['subject'].rpartition('/')[0]}" for event in told.receiver.events()})


@pytest.mark.parametrize(
    ("after", "part"),
    [
        pytest.param(False, 0, id="before each sixteenth"),
        pytest.param(True, 8, id="after those halfway between"),
        *(
            pytest.param(after, part, marks=pytest.mark.campaign)
            for after in (False, True)
            for part in range(16)
            if (after, part) not in ((False, 0), (True, 8))
        ),
    ],
)
async def test_a_process_that_dies_at_any_call_loses_no_event(tmp_path, after, part):
    process = Process()
    whole = await played(tmp_path / "whole", process)
    wanted = expected(whole)
    assert len(wanted) == 4
    for number in range(part, len(process.calls), 16):
        told = await played(tmp_path / str(number), Process(number, after))
        where = f"killed {'after' if after else 'before'} call {number}, {process.calls[number]}"
        assert expected(told) == wanted, where
        assert await told.pending() == [], where
        assert told.model.waiting() == [], where
