"""Go on with a wave: start members that may start, and those that each start lets in."""

from collections.abc import Sequence

from baselift.app.waves import settle_member
from baselift.app.waves.followers import Place
from baselift.app.waves.start_member import Fresh, hand_over, start
from baselift.app.world import World
from baselift.domain.runs import Run

AT_ONCE = 64
"""Members that one call starts itself; what is more is handed to the queue, for other instances to share."""


async def carry_on(world: World, plan: str, queued: Sequence[int], fresh: Fresh | None = None) -> list[Run]:
    """Start these members, and those that become free because one of them needs no run; return the runs.

    `fresh`: what was read just now of the first of them.
    """
    runs: list[Run] = []
    ahead = list(queued)
    while ahead:
        for number in ahead[AT_ONCE:]:
            await hand_over(world, Place(plan, number))
        now, (started, fresh) = ahead[:AT_ONCE], (await start(world, plan, ahead[:AT_ONCE], fresh), None)
        runs += started.runs
        ahead = list(started.queued)
        if len(started.runs) < len(now):
            # Who did not need the room that it had leaves it to others.
            ahead += await settle_member.let_in(world, plan)
    return runs
