"""Begin a wave: plan what a movement causes, write the plan, have it count, start the members that wait for none."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from baselift.app import base_rows
from baselift.app.base_rows import StoredBase, StoredDependent
from baselift.app.notifications import tell
from baselift.app.ports import Conflict
from baselift.app.task_rows import StoredTask
from baselift.app.waves import followers, producers, wave_rows
from baselift.app.waves.carry_on import carry_on
from baselift.app.waves.drive import discard, drive
from baselift.app.waves.followers import Follower, Place
from baselift.app.waves.fresh import Fresh
from baselift.app.waves.pauses import Pause
from baselift.app.waves.walk import Walk, together
from baselift.app.waves.wave_rows import StoredMember, Wave
from baselift.app.world import World
from baselift.domain.runs import Run
from baselift.domain.waves import states
from baselift.domain.waves.graph import Graph, key
from baselift.domain.waves.plan import Plan, make_plan
from baselift.domain.waves.states import Member, MemberState, Moved, WaveState

BESIDE = 100
"""Other bases that are looked at before the wave of a family begins, at most."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Root:
    """A task that a movement rebuilds, its edge to what moved, and its row among those that wait."""

    dependent: StoredDependent
    task: StoredTask
    follower: Follower


async def start_wave(
    world: World, stored: StoredBase, roots: Sequence[Root], paused: Sequence[Pause] | None = None, after: str = ""
) -> list[Run]:
    """Begin the wave of a movement with some of its dependents; asked again, the same wave goes on.

    `paused`: what is, where that was read just now.
    `after`: a wave of the same movement that ended without building them, because they were not to be built then.

    Returns:
        The runs that were asked for: those of members that wait for no other.
    """
    image = stored.base.image
    walk = Walk(world)
    graph = await walk.graph((image, root.dependent.edge, root.task) for root in roots)
    names = [key(root.task.registry, root.task.name) for root in roots]
    plan = make_plan(graph, [str(image)], names)
    if not plan.members:
        return []
    beside = await _beside(world, graph, walk, str(image)) if plan.levels > 1 else ()
    identifier = wave_rows.wave_id(str(image), stored.base.generation, stored.moved, names, after)
    wave = _wave(world, stored, plan, identifier, beside)
    change = _traced(world, states.begun(plan, world.waves, WaveState.PLANNED if beside else WaveState.RUNNING))
    followed = dict(zip(names, (root.follower for root in roots), strict=True))
    members = await _write(world, wave, change, followed)
    try:
        await wave_rows.commit(world, wave)
    except Conflict:
        return await _other(world, wave, stored, roots)
    log.info("wave %s: %d members because %s moved", wave.id, wave.total, image)
    world.telemetry.record("baselift.waves", state="begun")
    tasks = dict(zip(names, (root.task for root in roots), strict=True))
    fresh = Fresh(tasks, followed, {image: stored}, paused)
    told = tell.wave_changed(world, wave.plan, change.tally)
    runs, _ = await asyncio.gather(_begin(world, wave, members, fresh), told)
    return runs


async def _begin(world: World, wave: Wave, members: Sequence[StoredMember], fresh: Fresh) -> list[Run]:
    if wave.beside:
        return await drive(world, wave.plan)
    queued = [each for each in members if each.member.state is MemberState.QUEUED]
    return await carry_on(world, wave.plan, queued, fresh)


def _traced(world: World, change: states.Change) -> states.Change:
    """Have each member remember whose trace it belongs to: most are started by others, much later."""
    trace = world.telemetry.trace()
    return replace(change, members=[replace(each, trace=trace) for each in change.members]) if trace else change


async def _beside(world: World, graph: Graph, walk: Walk, moved: str) -> Sequence[str]:
    """What the tasks are built on beside what they push themselves, up to the top."""
    used = dict.fromkeys(image for task in walk.tasks for image in producers.bases(task))
    outside = [image for image in used if image != moved and not graph.producers(image)]
    return [image for image in await producers.above(world, outside, BESIDE) if image != moved]


def _wave(world: World, stored: StoredBase, plan: Plan, identifier: str, beside: Sequence[str]) -> Wave:
    base = stored.base
    return Wave(
        id=identifier,
        plan=f"{identifier}-{world.token()[:6]}",
        causes=(Moved(str(base.image), base.digest, base.generation),),
        at=stored.moved,
        begun=world.now().isoformat(),
        registries=tuple(sorted({member.registry.lower() for member in plan.members})),
        total=len(plan.members),
        beside=beside,
    )


async def _write(
    world: World, wave: Wave, change: states.Change, known: Mapping[str, Follower]
) -> Sequence[StoredMember]:
    """Write the plan, and on each task that is not started at once that it waits; nothing of it counts yet."""

    async def wait(member: Member) -> None:
        row = known.get(key(member.registry, member.task))
        await followers.wait(world, member.registry, member.task, Place(wave.plan, member.number), row)

    # Where only the second of these is done, it is rows that nobody ever reads.
    _, members = await asyncio.gather(wave_rows.activate(world, wave), wave_rows.write_plan(world, wave.plan, change))
    await together([each for each in change.members if each.state is not MemberState.QUEUED], wait)
    return members


async def _other(world: World, wave: Wave, stored: StoredBase, roots: Sequence[Root]) -> list[Run]:
    """Another planned the same wave: see that it goes on. One that is over and left some behind has a successor."""
    await discard(world, wave.plan)
    found = await wave_rows.get(world, wave.id)
    if found is None:
        return []
    # One without a tally ended so long ago that it is being deleted.
    tally = await wave_rows.tally(world, found.plan)
    if tally is not None and tally.tally.state is not WaveState.FINISHED:
        return await drive(world, found.plan)
    behind = [root for root in roots if await _behind(world, stored, root)]
    return await start_wave(world, stored, behind, after=found.id) if behind else []


async def _behind(world: World, stored: StoredBase, root: Root) -> bool:
    """Whether the task was not asked to build on what the base is now, nor was meanwhile."""
    edge = root.dependent.edge
    now = await base_rows.dependent(world, stored.base.image, edge.registry, edge.task)
    return now is not None and now.edge.generation < stored.base.generation
