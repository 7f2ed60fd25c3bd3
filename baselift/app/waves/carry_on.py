"""Go on with a wave: start members that may start, and those that each start lets in."""

from collections.abc import Sequence

from baselift.app.waves import settle_member
from baselift.app.waves.followers import Place
from baselift.app.waves.fresh import Fresh
from baselift.app.waves.start_member import hand_over, start
from baselift.app.waves.wave_rows import StoredMember
from baselift.app.world import World
from baselift.domain.runs import Run

AT_ONCE = 64
"""Members that one call starts itself; what is more is handed to the queue, for other instances to share."""


async def carry_on(world: World, plan: str, queued: Sequence[StoredMember], fresh: Fresh | None = None) -> list[Run]:
    """Start these members, and those that become free because one of them needs no run; return the runs.

    `fresh`: what was read just now for the first of them.
    """
    runs: list[Run] = []
    ahead = list(queued)
    while ahead:
        for stored in ahead[AT_ONCE:]:
            await hand_over(world, Place(plan, stored.member.number))
        now = ahead[:AT_ONCE]
        started = await start(world, plan, now, fresh)
        runs += started.runs
        ahead, fresh = list(started.queued), started.fresh
        if len(started.runs) < len(now):
            # Who did not need the room that it had leaves it to others.
            ahead += await settle_member.let_in(world, plan)
    return runs
