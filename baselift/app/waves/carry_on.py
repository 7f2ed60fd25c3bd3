"""Go on with a wave: start members that may start, and those that each start lets in."""

from collections.abc import Sequence

from baselift.app.waves import settle_member
from baselift.app.waves.followers import Place
from baselift.app.waves.start_member import hand_over, start
from baselift.app.waves.walk import together
from baselift.app.world import World
from baselift.domain.runs import Run

AT_ONCE = 64
"""Members that one call starts itself; what is more is handed to the queue, for other instances to share."""


async def carry_on(world: World, plan: str, queued: Sequence[int]) -> list[Run]:
    """Start these members, and those that become free because one of them needs no run; return the runs."""
    runs: list[Run] = []
    ahead = list(queued)
    while ahead:
        for number in ahead[AT_ONCE:]:
            await hand_over(world, Place(plan, number))
        started = await together(ahead[:AT_ONCE], lambda number: start(world, Place(plan, number)))
        found = [each.run for each in started if each.run is not None]
        runs += found
        ahead = [number for each in started for number in each.queued]
        if len(found) < len(started):
            # Who did not need the room that it had leaves it to others.
            ahead += await settle_member.let_in(world, plan)
    return runs
