"""Start members: decide on which digests their tasks are built, claim their edges, ask for their runs.

The task's row in `followers` puts the starts of one task in order. What was decided is written on the member before
anything is done, so that a start which is killed, or made twice, goes on with the same run. Members of a wave that
start together are written together.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from baselift.app import reasons, run_rows
from baselift.app.base_rows import StoredBase
from baselift.app.ports import Conflict, Stale
from baselift.app.request_run import Ask, prepare, queue, run_of
from baselift.app.task_rows import StoredTask
from baselift.app.waves import followers, member_edges, pauses, settle_member, wave_rows
from baselift.app.waves.followers import Follower, Place
from baselift.app.waves.fresh import Fresh, merged, read
from baselift.app.waves.member_edges import Edge
from baselift.app.waves.pauses import Pause
from baselift.app.waves.settle_member import NOTHING, Passed, going
from baselift.app.waves.walk import together
from baselift.app.waves.wave_rows import StoredMember
from baselift.app.world import WAVES, World
from baselift.domain import images, requests
from baselift.domain.images import Reference
from baselift.domain.runs import Cause, ImageDescriptor, Run
from baselift.domain.waves import states
from baselift.domain.waves.graph import key
from baselift.domain.waves.states import Member, MemberState, Moved, Tally, WaveState


@dataclass(frozen=True, slots=True)
class Started:
    """What came of starting some members."""

    runs: Sequence[Run]
    queued: Sequence[StoredMember]
    """Members of the same wave that are to be started now, because one of these needs no run."""
    fresh: Fresh
    """What was read for those."""


@dataclass(frozen=True, slots=True)
class _Start:
    """A member that is decided to be built."""

    place: Place
    stored: StoredMember
    """As it was read; what was decided is on `member`."""
    member: Member
    task: StoredTask
    edges: Sequence[Edge]
    """Those that are to be claimed."""
    follower: Follower | None
    """The task's row, taken for this start; None where it is not known."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A task whose row is taken for a start."""

    follower: Follower
    edges: Sequence[Edge]
    """As they are now."""
    number: tuple[int, str]
    """Of the run, should there be one: sequence number and id."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A place at which a task waits in a wave."""

    place: Place
    member: Member
    tally: Tally

    @property
    def for_parents(self) -> bool:
        """True where it will be built after parents that are not done yet."""
        return bool(self.member.pending) and self.tally.going


async def start(world: World, plan: str, members: Sequence[StoredMember], fresh: Fresh | None = None) -> Started:
    """Start members that are queued, given as they were read or written just now.

    Whatever another did of one already is not done again.
    """
    known = await read(world, [each.member for each in members], fresh)
    begun = await together(members, lambda stored: _begin(world, Place(plan, stored.member.number), stored, known))
    starts = [each for each in begun if isinstance(each, _Start)]
    passed = [each for each in begun if isinstance(each, Passed)]
    queued, ahead = [freed for each in passed for freed in each.queued], merged(each.fresh for each in passed)
    try:
        await wave_rows.save(world, plan, [(each.stored, each.member) for each in starts])
    except Stale:
        # Another starts one of them too: what he decided counts.
        found = await settle_member.numbered(world, plan, [each.place.number for each in starts])
        again = await start(world, plan, found)
        return Started(again.runs, (*queued, *again.queued), merged((ahead, again.fresh)))
    return Started(await _enter(world, starts), queued, ahead)


async def hand_over(world: World, place: Place, delay: float = 0) -> None:
    """Have a member gone on with in the background; a message that is lost is made good by the reconciler."""
    await world.queues.send(WAVES, f"{place.plan} {place.number}", max(0, delay))


async def joins(world: World, follower: Follower) -> bool:
    """Whether the task is a member, not started yet, of a wave that goes on: what moves now is built with it.

    The row is written, as it is: a start that read it before, and then perhaps what the bases were, reads both again.
    """
    while any(await together(follower.waits, lambda place: _look_up(world, place))):
        try:
            await followers.touch(world, follower)
        except Stale:
            follower = await followers.get(world, follower.registry, follower.task)
            continue
        return True
    return False


async def _look_up(world: World, place: Place) -> _Waiting | None:
    """The member at a place where its task waits; None where it does not, or not any more."""
    member, tally, wave = await asyncio.gather(
        wave_rows.member(world, place.plan, place.number),
        wave_rows.tally(world, place.plan),
        wave_rows.get(world, wave_rows.id_of(place.plan)),
    )
    if member is None or tally is None or wave is None or wave.plan != place.plan:
        return None
    if member.member.state.settled or member.member.seq or tally.tally.state is WaveState.CANCELED:
        return None
    return _Waiting(place, member.member, tally.tally)


async def _begin(world: World, place: Place, stored: StoredMember, fresh: Fresh) -> _Start | Passed:
    """What a member that is queued is to be built on; where it needs no run, the members that this queues."""
    member = stored.member
    if member.state is not MemberState.QUEUED:
        return NOTHING
    task = fresh.tasks.get(key(member.registry, member.task))
    if task is None:
        return await _without_run(world, place, MemberState.CURRENT, "the task was deleted")
    if member.seq:
        return await _resume(world, place, stored, task)
    taken = await _take(world, place, member, task, fresh)
    if not isinstance(taken, _Taken):
        return taken
    decided = await _decide(world, place, stored, task, taken)
    if not isinstance(decided, _Start):
        await _let_go(world, place, task)
    return decided


async def _resume(world: World, place: Place, stored: StoredMember, task: StoredTask) -> _Start | Passed:
    """Go on with a start that was decided before, and killed then or is made by another too."""
    member = stored.member
    run = await run_rows.by_seq(world, member.registry, member.seq)
    if run is not None and run.run.status.final:
        await _let_go(world, place, task)
        return NOTHING
    return _Start(place, stored, member, task, await member_edges.of_member(world, member), None)


async def _take(world: World, place: Place, member: Member, task: StoredTask, fresh: Fresh) -> _Taken | Passed:
    """Take the task's row for this start, unless there is a reason not to start now, and look at its edges."""
    known: Follower | None = fresh.followers[key(member.registry, member.task)]
    while True:
        follower, known = known or await followers.get(world, member.registry, member.task), None
        if follower.starting is not None and follower.starting != place:
            await _complete(world, follower, follower.starting)
            continue
        others = await _others(world, follower, place)
        if follower.starting is None:
            back = await _held_back(world, place, member, follower, others, fresh.paused or ())
            if back is not None:
                return back
        taken = replace(follower, waits=tuple(each.place for each in others), starting=place)
        try:
            return await _took(world, member, task, follower, taken, fresh.bases)
        except (Conflict, Stale):
            continue


async def _took(
    world: World,
    member: Member,
    task: StoredTask,
    before: Follower,
    taken: Follower,
    bases: Mapping[Reference, StoredBase],
) -> _Taken:
    """Take the row. Raises Conflict or Stale: what was looked at beside does not count then."""

    async def look() -> tuple[Sequence[Edge], tuple[int, str]]:
        # Nearly every member is built: its number is taken beside the reads. One that is not needed is a gap.
        edges = member_edges.of_task(world, task, bases, again=member.attempt > 1)
        return await asyncio.gather(edges, run_rows.take_sequence(world, task.registry))

    if before.etag:
        # Who started the task since the row was read, or told of a movement that joins it, has written the row.
        row, (edges, number) = await asyncio.gather(followers.save(world, before, taken), look())
    else:
        # A row that is not there does not show who wrote and removed it meanwhile.
        row, (edges, number) = await followers.save(world, before, taken), await look()
    return _Taken(row, edges, number)


async def _held_back(
    world: World,
    place: Place,
    member: Member,
    follower: Follower,
    others: Sequence[_Waiting],
    paused: Sequence[Pause],
) -> Passed | None:
    """Put a start off that must not be made now; None where it may."""
    if (pause := pauses.of_member(paused, member.registry, member.task, world.now())) is not None:
        return await _set_back(world, place, follower, str(pause))
    if follower.breaker.open(world.now()) and follower.breaker.until:
        return await _break(world, place, follower, follower.breaker.until)
    if member.attempt == 1 and (later := next((each for each in others if each.for_parents), None)):
        return await _join(world, place, member, later.place)
    return None


async def _others(world: World, follower: Follower, place: Place) -> list[_Waiting]:
    """Where else the task waits."""
    found = await together([each for each in follower.waits if each != place], lambda each: _look_up(world, each))
    return [each for each in found if each is not None]


async def _complete(world: World, follower: Follower, place: Place) -> None:
    """Bring the start that holds the task's row to its end, or take it off the row when there is nothing to start."""
    stored = await wave_rows.member(world, place.plan, place.number)
    if stored is not None and stored.member.state is MemberState.QUEUED:
        for freed in (await start(world, place.plan, [stored])).queued:
            await hand_over(world, Place(place.plan, freed.member.number))
    await _let_go_of(world, follower.registry, follower.task, place)


async def _let_go(world: World, place: Place, task: StoredTask, known: Follower | None = None) -> None:
    await _let_go_of(world, task.registry, task.name, place, known)


async def _let_go_of(world: World, registry: str, task: str, place: Place, known: Follower | None = None) -> None:
    await followers.change(
        world, registry, task, lambda row: replace(row, starting=None) if row.starting == place else row, known
    )


async def _set_back(world: World, place: Place, follower: Follower, note: str) -> Passed:
    await followers.wait(world, follower.registry, follower.task, place, follower)
    await settle_member.change(
        world, place.plan, place.number, going(0), lambda tally, member: states.set_back(tally, member, note)
    )
    return NOTHING


async def _break(world: World, place: Place, follower: Follower, until: datetime) -> Passed:
    note = f"its last builds failed: the next is tried at {until.isoformat()}"
    await followers.wait(world, follower.registry, follower.task, place, follower)
    await settle_member.put_off(world, place.plan, place.number, until, note, going(0), again=False)
    await hand_over(world, place, (until - world.now()).total_seconds() + 1)
    return NOTHING


async def _join(world: World, place: Place, member: Member, there: Place) -> Passed:
    note = f"built by wave {wave_rows.id_of(there.plan)}, in which it waits for more"
    passed = await _without_run(world, place, MemberState.JOINED, note)
    await followers.leave(world, member.registry, member.task, place)
    return passed


async def _without_run(world: World, place: Place, state: MemberState, note: str) -> Passed:
    passed = await settle_member.passed(world, place.plan, place.number, state, note, going(0))
    return passed or NOTHING


async def _decide(world: World, place: Place, stored: StoredMember, task: StoredTask, taken: _Taken) -> _Start | Passed:
    """Build, or not, by what the task's bases are now. Nothing that moves later is missed: the row is taken."""
    firing = [edge for edge in taken.edges if edge.verdict.fire]
    if firing:
        member = _decided(stored.member, firing, taken.number, world.now())
        return _Start(place, stored, member, task, firing, taken.follower)
    settling = [edge.base.settling.until for edge in taken.edges if edge.base.settling is not None]
    if settling:
        note = "waits for the end of a multi-arch update of a base"
        await followers.wait(world, task.registry, task.name, place)
        await settle_member.put_off(world, place.plan, place.number, max(settling), note, going(0), again=False)
        await hand_over(world, place, (max(settling) - world.now()).total_seconds() + 1)
        return NOTHING
    return await _without_run(world, place, MemberState.CURRENT, "it stands on what its bases are")


def _decided(member: Member, firing: Sequence[Edge], number: tuple[int, str], now: datetime) -> Member:
    moved = tuple(
        Moved(str(base.base.image), base.base.digest, base.base.generation, base.moved, edge.built or edge.digest)
        for base, edge in ((each.base, each.dependent.edge) for each in firing)
    )
    return replace(member, seq=number[0], run=number[1], moved=moved, started=now)


async def _enter(world: World, starts: Sequence[_Start]) -> Sequence[Run]:
    """Claim the members' edges and bring their runs into being; all of it may be repeated."""
    runs = [_run(world, each) for each in starts]
    claims = [(each.member, edge) for each in starts for edge in each.edges]
    await asyncio.gather(
        together(claims, lambda pair: member_edges.claim(world, *pair)),
        together(starts, lambda each: _tell(world, each)),
        prepare(world, runs),
    )
    # Once its edges are claimed no other start builds the task for the same; the run itself is on the member.
    entered, _ = await asyncio.gather(
        queue(world, runs), together(starts, lambda each: _let_go(world, each.place, each.task, each.follower))
    )
    return entered


def _run(world: World, start: _Start) -> Run:
    place, member, task = start.place, start.member, start.task
    moved = [_descriptor(each) for each in member.moved]
    newest = max(each.at for each in member.moved)
    cause = Cause("image", f"{place.plan}/{place.number}/{member.attempt}", newest, moved)
    request = requests.of_task(world.unseal(task.document))
    ask = Ask(task.registry, cause, request, requests.run_type(request, of_task=True), task.name, member.trace)
    return run_of(world, ask, member.seq, member.run)


async def _tell(world: World, start: _Start) -> None:
    member, wave = start.member, wave_rows.id_of(start.place.plan)
    await asyncio.gather(
        *(reasons.started(world, member.registry, start.task.name, each, member.run, wave) for each in member.moved)
    )


def _descriptor(moved: Moved) -> ImageDescriptor:
    image = images.parse(moved.image)
    return ImageDescriptor(image.registry, image.repository, image.tag, moved.digest)
