"""Carry out a run on agents elsewhere: ask them once, then look now and then, and hold no message meanwhile.

The row keeps what was asked before it is asked, and the agents' run id as soon as it is known: asking again is asking
the same under the same key, which makes no second run. Between two looks nobody owns the run; its lease goes on, so
that the reconciler comes back to it when the delayed message is lost.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from baselift.app import turns
from baselift.app.end_run import end, finish
from baselift.app.lease import Canceled, Lease, Lost, OutOfTime
from baselift.app.ports import Busy, Conflict, Stale
from baselift.app.remote_builds import RemoteBuilds, RemotePlace, RemoteState
from baselift.app.remote_file import file_order
from baselift.app.remote_log import mirror
from baselift.app.remote_order import Order, order
from baselift.app.request_run import log_name
from baselift.app.run_log import RunLog
from baselift.app.run_rows import Stored
from baselift.app.scratch import scratch
from baselift.app.world import BUILDS, World
from baselift.domain.builds import Failure
from baselift.domain.runs import ImageDescriptor, Remote, Run, Status

LAST_WORDS = timedelta(seconds=60)
"""How long the end of the log of a run that is over is waited for."""
Outcome = tuple[Status, str | None]

log = logging.getLogger(__name__)


def is_due(run: Run, now: datetime) -> bool:
    """True when a message may go on with the run: nobody holds it, and it is not too early to look again."""
    if run.remote is None or run.owner or run.remote.due is None:
        return not run.leased(now)
    return now >= run.remote.due


async def remote_run(world: World, agents: RemoteBuilds, stored: Stored) -> None:
    """Go on with a run that is due: ask for it, or look at it. Any number of messages for it make one run there."""
    if stored.run.remote is None and not await _has_turn(world, stored):
        return
    try:
        lease = await Lease.claim(world, stored)
    except Stale:
        log.info("run %s was claimed by another builder", stored.run.id)
        return
    try:
        await _go_on(world, agents, lease)
    except (Lost, Conflict):
        log.warning("run %s is another builder's now", stored.run.id)
        return
    except BaseException as error:
        await asyncio.shield(_let_go(lease, f"interrupted: {type(error).__name__}"))
        raise
    if lease.run.status.final:
        await finish(world, lease.run)


async def _has_turn(world: World, stored: Stored) -> bool:
    try:
        return await turns.take(world, stored.run)
    except turns.NoPool as problem:
        await end(world, stored, Status.FAILED, str(problem))
        return False


async def _let_go(lease: Lease, why: str) -> None:
    with contextlib.suppress(Exception):
        await lease.write(lambda run: replace(run, owner="", lease_until=None, error=why))


async def _go_on(world: World, agents: RemoteBuilds, lease: Lease) -> None:
    try:
        place = await _place(world, lease.run)
        if lease.run.remote is None and (outcome := await _prepare(world, agents, lease, place)) is not None:
            await _end(world, lease, outcome)
            return
        await _follow(world, agents, lease, place)
    except Busy as busy:
        log.warning("run %s: %s", lease.run.id, busy)
        await _later(world, lease, timedelta(seconds=busy.pause), str(busy))


async def _place(world: World, run: Run) -> RemotePlace:
    registration = await world.registrations.get(run.registry)
    return RemotePlace(registration.group if registration else "", registration.name if registration else run.registry)


async def _prepare(world: World, agents: RemoteBuilds, lease: Lease, place: RemotePlace) -> Outcome | None:
    """Upload the source and note what will be asked; the outcome when that is impossible."""
    made: Order | None = None
    ordered = order if lease.run.request["type"] == "DockerBuildRequest" else file_order
    async with RunLog(world, log_name(lease.run), lease.check) as run_log:
        if lease.run.attempt > 1:
            await run_log.line(f"Attempt {lease.run.attempt}: the attempt before did not reach the build agents")

        async def work() -> None:
            nonlocal made
            async with scratch(world.scratch) as directory:
                made = await ordered(world, lease.run, run_log, directory, lambda path: agents.upload(place, path))

        outcome = await _outcome(lease, work)
    if made is None or outcome is not None:
        return outcome or (Status.ERROR, "nothing was prepared")
    ready, written = made, await _written(world, lease.run)
    await lease.write(
        lambda run: replace(
            run,
            remote=Remote(world.seal(ready.request), written=written),
            bases=ready.bases,
            commit=ready.commit,
            fingerprint=ready.fingerprint,
            own_tags=ready.own_tags,
        )
    )
    return None


async def _outcome(lease: Lease, work: Callable[[], Awaitable[None]]) -> Outcome | None:
    try:
        await lease.keep(work)
    except Failure as failure:
        return Status.FAILED, str(failure)
    except Canceled:
        return Status.CANCELED, "the run was canceled"
    except OutOfTime:
        return Status.TIMEOUT, _late(lease.run)
    return None


async def _written(world: World, run: Run) -> int:
    _, length, _ = await world.blobs.read_part(log_name(run), 0, 1)
    return length


async def _follow(world: World, agents: RemoteBuilds, lease: Lease, place: RemotePlace) -> None:
    try:
        remote = await _scheduled(world, agents, lease, place)
        state = await agents.look(place, remote.id)
        told, complete = await mirror(world, agents, lease, place)
    except Failure as failure:
        await _give_up(agents, lease.run, place)
        await _end(world, lease, (Status.FAILED, str(failure)))
        return
    over = (told.over or world.now()) if state.status.final else None
    await lease.write(lambda run: replace(run, remote=replace(told, over=over)))
    if over is not None and (complete or world.now() - over >= LAST_WORDS):
        await _end(world, lease, _told(lease.run, state), await _homes(world, state))
    elif over is None and _must_end(world, lease.run):
        await _give_up(agents, lease.run, place)
        await _after_cancel(world, lease)
    else:
        await _later(world, lease, timedelta())


async def _scheduled(world: World, agents: RemoteBuilds, lease: Lease, place: RemotePlace) -> Remote:
    remote = lease.run.remote
    if remote is None:
        raise Lost
    if not remote.id:
        identifier = await agents.schedule(place, _key(lease.run), world.unseal(remote.request))
        remote = replace(remote, id=identifier)
        ready = remote
        await lease.write(lambda run: replace(run, remote=ready))
    return remote


def _key(run: Run) -> str:
    """The run's key at the agents. Two deployments may give the same run id; not at the same moment too."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"baselift:{run.registry.lower()}:{run.id}:{run.created.isoformat()}"))


def _must_end(world: World, run: Run) -> bool:
    return run.cancel_requested or _is_late(world, run) or run.attempt > world.attempts


def _is_late(world: World, run: Run) -> bool:
    deadline = run.deadline()
    return deadline is not None and world.now() >= deadline


async def _give_up(agents: RemoteBuilds, run: Run, place: RemotePlace) -> None:
    """Have the agents end the run; that they cannot be asked keeps no run of ours from ending."""
    if run.remote is not None and run.remote.id:
        try:
            await agents.cancel(place, run.remote.id)
        except (Failure, Busy) as problem:
            log.warning("run %s: run %s there could not be canceled: %s", run.id, run.remote.id, problem)


async def _after_cancel(world: World, lease: Lease) -> None:
    """A run that somebody canceled ends with the one there; one that is late, or hopeless, ends now."""
    run = lease.run
    if _is_late(world, run):
        await _end(world, lease, (Status.TIMEOUT, _late(run)))
    elif run.attempt > world.attempts:
        await _end(world, lease, (Status.ERROR, f"the builder was lost in each of {run.attempt} attempts"))
    else:
        await _later(world, lease, timedelta())


def _late(run: Run) -> str:
    return f"the run did not end within its timeout of {run.timeout} s"


def _told(run: Run, state: RemoteState) -> Outcome:
    if state.status is Status.CANCELED or (run.cancel_requested and state.status is not Status.SUCCEEDED):
        return Status.CANCELED, "the run was canceled"
    there = run.remote.id if run.remote else ""
    error = None if state.status is Status.SUCCEEDED else state.error or f"run {there} of the registry's agents failed"
    return state.status, error


async def _homes(world: World, state: RemoteState) -> tuple[ImageDescriptor, ...]:
    hosts = await world.registrations.hosts()
    return tuple(replace(each, registry=hosts.get(each.registry, each.registry)) for each in state.outputs)


async def _end(world: World, lease: Lease, outcome: Outcome, outputs: tuple[ImageDescriptor, ...] = ()) -> None:
    status, error = outcome
    await lease.write(lambda run: replace(run.ended(status, world.now(), error), outputs=outputs))


async def _later(world: World, lease: Lease, pause: timedelta, error: str | None = None) -> None:
    """Give the run back until it is looked at again; one that is out of time ends."""
    if error is not None and _is_late(world, lease.run):
        await _end(world, lease, (Status.TIMEOUT, f"{_late(lease.run)}; {error}"))
        return
    delay = max(pause, world.remote_poll)
    due = world.now() + delay

    def back(run: Run) -> Run:
        remote = None if run.remote is None else replace(run.remote, due=due)
        # What comes to this point loses no builder: only attempts without any progress are counted.
        attempt = run.attempt if remote is None else 1
        return replace(run, remote=remote, attempt=attempt, owner="", lease_until=due + world.lease, error=error)

    await lease.write(back)
    # Whole seconds, and one more: a message that comes before it is due would be for nothing.
    await world.queues.send(BUILDS, f"{lease.run.registry} {lease.run.id}", delay.total_seconds() + 0.5)
