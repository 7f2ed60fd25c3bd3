"""Start members: decide on which digests their tasks are built, claim their edges, ask for their runs.

The task's row in `followers` puts the starts of one task in order. What was decided is written on the member before
anything is done, so that a start which is killed, or made twice, goes on with the same run. Members of a wave that
start together are written together.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from baselift.app import base_rows, reasons, run_rows, task_rows
from baselift.app.base_rows import StoredBase, StoredDependent
from baselift.app.ports import Conflict, Stale
from baselift.app.request_run import Ask, prepare, queue, run_of
from baselift.app.task_rows import StoredTask
from baselift.app.waves import followers, pauses, settle_member, wave_rows
from baselift.app.waves.followers import Follower, Place
from baselift.app.waves.pauses import Pause
from baselift.app.waves.settle_member import going
from baselift.app.waves.walk import outputs, together
from baselift.app.waves.wave_rows import StoredMember
from baselift.app.world import WAVES, World
from baselift.domain import images, requests
from baselift.domain.edges import policies
from baselift.domain.images import Reference
from baselift.domain.runs import Cause, ImageDescriptor, Run
from baselift.domain.staleness import Verdict, verdict
from baselift.domain.waves import states
from baselift.domain.waves.graph import key
from baselift.domain.waves.states import Member, MemberState, Moved, Tally, WaveState

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Started:
    """What came of starting some members."""

    runs: Sequence[Run] = ()
    queued: Sequence[int] = ()
    """Members of the same wave that are to be started now, because one of these needs no run."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What was read or written just now, so that a start need not read it again."""

    members: Mapping[int, StoredMember] = field(default_factory=dict)
    tasks: Mapping[str, StoredTask] = field(default_factory=dict)
    """By key in the graph; so are the followers."""
    followers: Mapping[str, Follower] = field(default_factory=dict)
    bases: Mapping[Reference, StoredBase] = field(default_factory=dict)
    paused: Sequence[Pause] | None = None


@dataclass(frozen=True, slots=True)
class _Start:
    """A member that is decided to be built."""

    place: Place
    stored: StoredMember
    """As it was read; what was decided is on `member`."""
    member: Member
    task: StoredTask
    edges: Sequence["_Edge"]
    """Those that are to be claimed."""
    follower: Follower | None
    """The task's row, taken for this start; None where it is not known."""


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


async def start(world: World, plan: str, numbers: Sequence[int], fresh: Fresh | None = None) -> Started:
    """Start members that are queued; whatever another did of one already is not done again."""
    fresh = await _read(world, plan, numbers, fresh or Fresh())
    begun = await together(numbers, lambda number: _begin(world, Place(plan, number), fresh))
    starts = [each for each in begun if isinstance(each, _Start)]
    queued = [number for each in begun if not isinstance(each, _Start) for number in each]
    try:
        await wave_rows.save(world, plan, [(each.stored, each.member) for each in starts])
    except Stale:
        # Another starts one of them too: what he decided counts.
        again = await start(world, plan, [each.place.number for each in starts])
        return Started(again.runs, (*queued, *again.queued))
    runs = await _enter(world, starts)
    await together(starts, lambda each: _let_go(world, each.task.registry, each.task.name, each.place, each.follower))
    return Started(runs, queued)


async def _read(world: World, plan: str, numbers: Sequence[int], fresh: Fresh) -> Fresh:
    """With the members and what is paused, where these were not read just now."""
    unknown = [number for number in numbers if number not in fresh.members]
    members, paused = await asyncio.gather(
        settle_member.numbered(world, plan, unknown),
        pauses.every(world) if fresh.paused is None else _known(fresh.paused),
    )
    return replace(fresh, paused=paused, members={**fresh.members, **{each.member.number: each for each in members}})


async def _known(value: T) -> T:
    return value


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


async def _begin(world: World, place: Place, fresh: Fresh) -> _Start | Sequence[int]:
    """What a member that is queued is to be built on; where it needs no run, the members that this queues."""
    stored = fresh.members.get(place.number)
    if stored is None or stored.member.state is not MemberState.QUEUED:
        return ()
    member = stored.member
    name = key(member.registry, member.task)
    task, follower = await asyncio.gather(
        _known(fresh.tasks[name]) if name in fresh.tasks else task_rows.get(world, member.registry, member.task),
        _known(fresh.followers[name])
        if name in fresh.followers
        else followers.get(world, member.registry, member.task),
    )
    if task is None:
        return await _without_run(world, place, MemberState.CURRENT, "the task was deleted")
    if member.seq:
        return await _resume(world, place, stored, task)
    taken = await _take(world, place, member, follower, fresh.paused or ())
    if not isinstance(taken, Follower):
        return taken
    decided = await _decide(world, place, stored, task, fresh.bases)
    if isinstance(decided, _Start):
        return replace(decided, follower=taken)
    await _let_go(world, member.registry, member.task, place)
    return decided


async def _resume(world: World, place: Place, stored: StoredMember, task: StoredTask) -> _Start | Sequence[int]:
    """Go on with a start that was decided before, and killed then or is made by another too."""
    member = stored.member
    run = await run_rows.by_seq(world, member.registry, member.seq)
    if run is not None and run.run.status.final:
        await _let_go(world, member.registry, member.task, place)
        return ()
    return _Start(place, stored, member, task, await _claimed_edges(world, member), None)


async def _take(
    world: World, place: Place, member: Member, known: Follower | None, paused: Sequence[Pause]
) -> Follower | Sequence[int]:
    """Take the task's row for this start, unless there is a reason not to start now."""
    while True:
        follower, known = known or await followers.get(world, member.registry, member.task), None
        if follower.starting == place:
            return follower
        if follower.starting is not None:
            await _complete(world, follower, follower.starting)
            continue
        if (pause := pauses.of_member(paused, member.registry, member.task, world.now())) is not None:
            return await _set_back(world, place, follower, str(pause))
        if follower.breaker.open(world.now()) and follower.breaker.until:
            return await _break(world, place, follower, follower.breaker.until)
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
        for number in (await start(world, place.plan, [place.number])).queued:
            await hand_over(world, Place(place.plan, number))
    await _let_go(world, follower.registry, follower.task, place)


async def _let_go(world: World, registry: str, task: str, place: Place, known: Follower | None = None) -> None:
    await followers.change(
        world, registry, task, lambda row: replace(row, starting=None) if row.starting == place else row, known
    )


async def _set_back(world: World, place: Place, follower: Follower, note: str) -> Sequence[int]:
    await followers.wait(world, follower.registry, follower.task, place, follower)
    await settle_member.change(
        world, place.plan, place.number, going(0), lambda tally, member: states.set_back(tally, member, note)
    )
    return ()


async def _break(world: World, place: Place, follower: Follower, until: datetime) -> Sequence[int]:
    note = f"its last builds failed: the next is tried at {until.isoformat()}"
    await followers.wait(world, follower.registry, follower.task, place, follower)
    await settle_member.put_off(world, place.plan, place.number, until, note, going(0), again=False)
    await hand_over(world, place, (until - world.now()).total_seconds() + 1)
    return ()


async def _join(world: World, place: Place, member: Member, there: Place) -> Sequence[int]:
    note = f"built by wave {wave_rows.id_of(there.plan)}, in which it waits for more"
    queued = await _without_run(world, place, MemberState.JOINED, note)
    await followers.leave(world, member.registry, member.task, place)
    return queued


async def _without_run(world: World, place: Place, state: MemberState, note: str) -> Sequence[int]:
    passed = await settle_member.passed(world, place.plan, place.number, state, note, going(0))
    return passed.queued if passed else ()


async def _decide(
    world: World, place: Place, stored: StoredMember, task: StoredTask, known: Mapping[Reference, StoredBase]
) -> _Start | Sequence[int]:
    """Build, or not, by what the task's bases are now. Nothing that moves later is missed: the row is taken."""
    # Nearly every member is built: its number is taken beside the reads. One that is not needed is a gap.
    edges, number = await asyncio.gather(
        _edges(world, task, known, again=stored.member.attempt > 1), run_rows.take_sequence(world, task.registry)
    )
    firing = [edge for edge in edges if edge.verdict.fire]
    if firing:
        return _Start(place, stored, _decided(stored.member, firing, number, world.now()), task, firing, None)
    settling = [edge.base.settling.until for edge in edges if edge.base.settling is not None]
    if settling:
        note = "waits for the end of a multi-arch update of a base"
        await followers.wait(world, task.registry, task.name, place)
        await settle_member.put_off(world, place.plan, place.number, max(settling), note, going(0), again=False)
        await hand_over(world, place, (max(settling) - world.now()).total_seconds() + 1)
        return ()
    return await _without_run(world, place, MemberState.CURRENT, "it stands on what its bases are")


def _decided(member: Member, firing: Sequence[_Edge], number: tuple[int, str], now: datetime) -> Member:
    moved = tuple(
        Moved(str(base.base.image), base.base.digest, base.base.generation, base.moved, edge.built or edge.digest)
        for base, edge in ((each.base, each.dependent.edge) for each in firing)
    )
    return replace(member, seq=number[0], run=number[1], moved=moved, started=now)


async def _enter(world: World, starts: Sequence[_Start]) -> Sequence[Run]:
    """Claim the members' edges and bring their runs into being; all of it may be repeated."""
    runs = [_run(world, each) for each in starts]
    await asyncio.gather(
        together([(each.member, edge) for each in starts for edge in each.edges], lambda pair: _claim(world, *pair)),
        together(starts, lambda each: _tell(world, each)),
        prepare(world, runs),
    )
    return await queue(world, runs)


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


async def _edges(world: World, task: StoredTask, known: Mapping[Reference, StoredBase], *, again: bool) -> list[_Edge]:
    """The task's edges as they are, each with its verdict; `known` are bases that were read just now.

    `again`: for another attempt what counts is what the task was built on, not what it was asked to build on.
    """
    bases = [base.image for base in task.edges.bases if base.image.tag]
    named = dict.fromkeys(Reference(base.registry, base.repository, base.tag) for base in bases)
    pushed = await outputs(world, task)

    async def one(image: Reference) -> _Edge | None:
        pair = await _pair(world, image, task.registry, task.name, known.get(image))
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


async def _pair(
    world: World, image: Reference, registry: str, task: str, base: StoredBase | None = None
) -> tuple[StoredBase, StoredDependent] | None:
    asked = base_rows.dependent(world, image, registry, task)
    if base is None:
        base, dependent = await asyncio.gather(base_rows.get(world, image), asked)
    else:
        dependent = await asked
    return None if base is None or dependent is None else (base, dependent)


def _descriptor(moved: Moved) -> ImageDescriptor:
    image = images.parse(moved.image)
    return ImageDescriptor(image.registry, image.repository, image.tag, moved.digest)
