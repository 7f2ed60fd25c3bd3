"""Start a member: decide on which digests its task is built, claim its edges, ask for its run.

The task's row in `followers` puts the starts of one task in order. What was decided is written on the member before
anything is done, so that a start which is killed, or made twice, goes on with the same run.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from baselift.app import base_rows, reasons, run_rows, task_rows
from baselift.app.base_rows import StoredBase, StoredDependent
from baselift.app.ports import Conflict, Stale
from baselift.app.request_run import Ask, enter
from baselift.app.task_rows import StoredTask
from baselift.app.waves import followers, pauses, settle_member, wave_rows
from baselift.app.waves.followers import Follower, Place
from baselift.app.waves.settle_member import going
from baselift.app.waves.walk import outputs, together
from baselift.app.waves.wave_rows import StoredMember
from baselift.app.world import WAVES, World
from baselift.domain import images, requests
from baselift.domain.edges import policies
from baselift.domain.images import Reference
from baselift.domain.runs import Cause, ImageDescriptor, Run, run_id
from baselift.domain.staleness import Verdict, verdict
from baselift.domain.waves import states
from baselift.domain.waves.states import Member, MemberState, Moved, Tally, WaveState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """What came of a start."""

    run: Run | None = None
    queued: Sequence[int] = ()
    """Members of the same wave that are to be started now, because this one needs no run."""


@dataclass(frozen=True, slots=True)
class _Edge:
    """A base that the task follows, and what is said of its movement."""

    base: StoredBase
    dependent: StoredDependent
    verdict: Verdict


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


async def start(world: World, place: Place) -> Started:
    """Start a member that is queued; whatever another did of it already is not done again."""
    stored = await wave_rows.member(world, place.plan, place.number)
    if stored is None or stored.member.state is not MemberState.QUEUED:
        return Started()
    member = stored.member
    task = await task_rows.get(world, member.registry, member.task)
    if task is None:
        return await _without_run(world, place, MemberState.CURRENT, "the task was deleted")
    if member.seq:
        run = await _enter(world, place, member, task, ())
        await _let_go(world, member.registry, member.task, place)
        return Started(run)
    taken = await _take(world, place, member)
    if isinstance(taken, Started):
        return taken
    started = await _decide(world, place, stored, task)
    await _let_go(world, member.registry, member.task, place)
    return started


async def hand_over(world: World, place: Place, delay: float = 0) -> None:
    """Have a member gone on with in the background; a message that is lost is made good by the reconciler."""
    await world.queues.send(WAVES, f"{place.plan} {place.number}", max(0, delay))


async def waits(world: World, follower: Follower) -> bool:
    """Whether the task is a member, not started yet, of a wave that goes on: what moves now is built with it."""
    return any(await together(follower.waits, lambda place: _look_up(world, place)))


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


async def _take(world: World, place: Place, member: Member) -> Follower | Started:
    """Take the task's row for this start, unless there is a reason not to start now."""
    while True:
        follower, paused = await asyncio.gather(followers.get(world, member.registry, member.task), pauses.every(world))
        if follower.starting == place:
            return follower
        if follower.starting is not None:
            await _complete(world, follower, follower.starting)
            continue
        if (pause := pauses.of_member(paused, member.registry, member.task, world.now())) is not None:
            return await _set_back(world, place, str(pause))
        if follower.breaker.open(world.now()) and follower.breaker.until:
            return await _break(world, place, follower.breaker.until)
        others = await _others(world, follower, place)
        if member.attempt == 1 and (later := next((each for each in others if each.for_parents), None)):
            return await _join(world, place, member, later.place)
        taken = replace(follower, waits=tuple(each.place for each in others), starting=place)
        try:
            return await followers.save(world, follower, taken)
        except (Conflict, Stale):
            continue


async def _others(world: World, follower: Follower, place: Place) -> list[_Waiting]:
    """Where else the task waits."""
    found = await together([each for each in follower.waits if each != place], lambda each: _look_up(world, each))
    return [each for each in found if each is not None]


async def _complete(world: World, follower: Follower, place: Place) -> None:
    """Bring the start that holds the task's row to its end, or take it off the row when there is nothing to start."""
    stored = await wave_rows.member(world, place.plan, place.number)
    if stored is not None and stored.member.state is MemberState.QUEUED:
        for number in (await start(world, place)).queued:
            await hand_over(world, Place(place.plan, number))
    await _let_go(world, follower.registry, follower.task, place)


async def _let_go(world: World, registry: str, task: str, place: Place) -> None:
    await followers.change(
        world, registry, task, lambda row: replace(row, starting=None) if row.starting == place else row
    )


async def _set_back(world: World, place: Place, note: str) -> Started:
    await settle_member.change(
        world, place.plan, place.number, going(0), lambda tally, member: states.set_back(tally, member, note)
    )
    return Started()


async def _break(world: World, place: Place, until: datetime) -> Started:
    note = f"its last builds failed: the next is tried at {until.isoformat()}"
    await settle_member.put_off(world, place.plan, place.number, until, note, going(0), again=False)
    await hand_over(world, place, (until - world.now()).total_seconds() + 1)
    return Started()


async def _join(world: World, place: Place, member: Member, there: Place) -> Started:
    note = f"built by wave {wave_rows.id_of(there.plan)}, in which it waits for more"
    started = await _without_run(world, place, MemberState.JOINED, note)
    await followers.leave(world, member.registry, member.task, place)
    return started


async def _without_run(world: World, place: Place, state: MemberState, note: str) -> Started:
    done = await settle_member.passed(world, place.plan, place.number, state, note, going(0))
    return Started(None, done or ())


async def _decide(world: World, place: Place, stored: StoredMember, task: StoredTask) -> Started:
    """Build, or not, by what the task's bases are now. Nothing that moves later is missed: the row is taken."""
    edges = await _edges(world, task, again=stored.member.attempt > 1)
    firing = [edge for edge in edges if edge.verdict.fire]
    if firing:
        return await _build(world, place, stored, task, firing)
    settling = [edge.base.settling.until for edge in edges if edge.base.settling is not None]
    if settling:
        note = "waits for the end of a multi-arch update of a base"
        await followers.wait(world, task.registry, task.name, place)
        await settle_member.put_off(world, place.plan, place.number, max(settling), note, going(0), again=False)
        await hand_over(world, place, (max(settling) - world.now()).total_seconds() + 1)
        return Started()
    return await _without_run(world, place, MemberState.CURRENT, "it stands on what its bases are")


async def _build(
    world: World, place: Place, stored: StoredMember, task: StoredTask, firing: Sequence[_Edge]
) -> Started:
    seq, identifier = await run_rows.take_sequence(world, task.registry)
    moved = tuple(
        Moved(str(base.base.image), base.base.digest, base.base.generation, base.moved, edge.built or edge.digest)
        for base, edge in ((each.base, each.dependent.edge) for each in firing)
    )
    decided = replace(stored.member, seq=seq, run=identifier, moved=moved, started=world.now())
    try:
        await wave_rows.save(world, place.plan, stored, decided)
    except Stale:
        return await start(world, place)
    return Started(await _enter(world, place, decided, task, firing))


async def _enter(world: World, place: Place, member: Member, task: StoredTask, known: Sequence[_Edge]) -> Run:
    """Claim the member's edges and bring its run into being; all of it may be repeated."""
    edges = known or await _claimed_edges(world, member)
    moved = [_descriptor(each) for each in member.moved]
    identifier = wave_rows.id_of(place.plan)
    newest = max(each.at for each in member.moved)
    cause = Cause("image", f"{place.plan}/{place.number}/{member.attempt}", newest, moved)
    request = requests.of_task(world.unseal(task.document))
    ask = Ask(task.registry, cause, request, requests.run_type(request, of_task=True), task.name)
    await asyncio.gather(
        together(edges, lambda edge: _claim(world, member, edge)),
        together(
            member.moved, lambda each: reasons.started(world, task.registry, task.name, each, member.run, identifier)
        ),
    )
    return await enter(world, ask, member.seq, run_id(member.run[:2], member.seq))


async def _claim(world: World, member: Member, edge: _Edge) -> None:
    """Note on an edge that its task is asked to build on what the base is at, as it was decided."""
    current: StoredDependent | None = edge.dependent
    while current is not None and current.edge.generation < edge.base.base.generation:
        claimed = replace(current, edge=current.edge.asked(edge.base.base), seq=member.seq, prefix=member.run[:2])
        try:
            await base_rows.save_dependent(world, edge.base.base.image, claimed)
        except Stale:
            registry, task = current.edge.registry, current.edge.task
            current = await base_rows.dependent(world, edge.base.base.image, registry, task)
            continue
        return


async def _edges(world: World, task: StoredTask, *, again: bool) -> list[_Edge]:
    """The task's edges as they are, each with its verdict.

    `again`: for another attempt what counts is what the task was built on, not what it was asked to build on.
    """
    bases = [base.image for base in task.edges.bases if base.image.tag]
    named = dict.fromkeys(Reference(base.registry, base.repository, base.tag) for base in bases)
    pushed = await outputs(world, task)

    async def one(image: Reference) -> _Edge | None:
        pair = await _pair(world, image, task.registry, task.name)
        if pair is None:
            return None
        base, dependent = pair
        edge = dependent.edge
        if again:
            edge = replace(edge, digest=edge.built or "?", generation=-1, manifests={})
        policy = task.policies.get(str(image), policies.DEFAULT)
        return _Edge(base, dependent, verdict(task.document, edge, base.base, pushed, policy))

    return [edge for edge in await together(named, one) if edge is not None]


async def _claimed_edges(world: World, member: Member) -> list[_Edge]:
    """The edges because of which a member is built, as far as their bases are where they were."""

    async def one(moved: Moved) -> _Edge | None:
        pair = await _pair(world, images.parse(moved.image), member.registry, member.task)
        if pair is None or pair[0].base.generation != moved.generation:
            return None
        return _Edge(*pair, Verdict(fire=True, rule="moved", text=""))

    return [edge for edge in await together(member.moved, one) if edge is not None]


async def _pair(world: World, image: Reference, registry: str, task: str) -> tuple[StoredBase, StoredDependent] | None:
    base, dependent = await asyncio.gather(
        base_rows.get(world, image), base_rows.dependent(world, image, registry, task)
    )
    return None if base is None or dependent is None else (base, dependent)


def _descriptor(moved: Moved) -> ImageDescriptor:
    image = images.parse(moved.image)
    return ImageDescriptor(image.registry, image.repository, image.tag, moved.digest)
