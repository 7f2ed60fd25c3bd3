"""The states of a wave and of its members, and how one leads to the next. See docs/waves.md for the picture.

Whatever ends a member changes it, its children and the tally of the wave together; the store writes them in one batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from baselift.domain.waves.limits import UNLIMITED, Budget
from baselift.domain.waves.plan import Plan

ANY_NUMBER = 1_000_000
"""As the concurrency of a wave: no limit of its own."""


class MemberState(StrEnum):
    """Where a member is."""

    WAITING = "waiting"
    """For its parents."""
    READY = "ready"
    """For room in the wave, or for the end of a pause."""
    QUEUED = "queued"
    """To be started, or its run is on its way: the run's own state says how far."""
    RETRYING = "retrying"
    """For the time of its next attempt."""
    SUCCEEDED = "succeeded"
    CURRENT = "current"
    """Not built: it stands on what its bases are."""
    JOINED = "joined"
    """Built by another wave, in which it waits for more parents."""
    FAILED = "failed"
    HELD = "held"
    """Not built: something that it depends on failed."""
    CANCELED = "canceled"

    @property
    def settled(self) -> bool:
        """True when the wave expects nothing more of the member."""
        return self in _SETTLED

    @property
    def passed(self) -> bool:
        """True when its children need not wait for it."""
        return self in _PASSED


_PASSED = frozenset({MemberState.SUCCEEDED, MemberState.CURRENT, MemberState.JOINED})
_SETTLED = _PASSED | {MemberState.FAILED, MemberState.HELD, MemberState.CANCELED}


class WaveState(StrEnum):
    """Where a wave is. One that is `running` while something is paused is shown as `paused`."""

    PLANNED = "planned"
    """Nothing is started: the other bases of its members are being looked at."""
    RUNNING = "running"
    HALTED = "halted"
    """More members failed than the budget allows: nothing new is started."""
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Moved:
    """A base as it was when a member was started."""

    image: str
    """Canonical reference."""
    digest: str
    generation: int
    at: str = ""
    """RFC 3339 time of the movement."""
    before: str = ""
    """The digest that the task stood on."""


@dataclass(frozen=True, slots=True)
class Member:
    """A task in a wave."""

    number: int
    """Its place in the plan."""
    registry: str
    task: str
    level: int
    parents: Sequence[int]
    children: Sequence[int]
    causes: Sequence[str]
    seconds: float
    rank: float
    pending: Sequence[int]
    """Parents that are not done."""
    state: MemberState = MemberState.WAITING
    attempt: int = 1
    seq: int = 0
    """Sequence number of the attempt's run; 0 before there is one."""
    run: str = ""
    """Id of the latest run."""
    moved: Sequence[Moved] = ()
    """The bases because of which it is built."""
    note: str = ""
    """Why it is where it is, for people."""
    due: datetime | None = None
    """When it is tried again."""
    started: datetime | None = None
    ended: datetime | None = None
    trace: str = ""
    """Place in a trace that its run belongs to, as a W3C `traceparent`; empty where nobody traces."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a wave as a whole is at."""

    total: int
    state: WaveState = WaveState.RUNNING
    settled: int = 0
    open: int = 0
    """Members that are queued."""
    ready: int = 0
    failed: int = 0
    note: str = ""
    ended: datetime | None = None
    halted: datetime | None = None
    """When it was last halted."""

    @property
    def going(self) -> bool:
        """True while members are, or will be, started."""
        return self.state in (WaveState.PLANNED, WaveState.RUNNING)

    @property
    def over(self) -> bool:
        """True when nothing more will happen by itself."""
        return self.settled == self.total


@dataclass(frozen=True, slots=True)
class Policy:
    """How waves are carried out."""

    concurrency: int = 50
    """Members of one wave that are queued or running at once."""
    budget: Budget = UNLIMITED
    registry: int = 0
    """Runs of all waves of one registry that are built at once; 0: any number."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written together: the tally and the members that are no longer as they were."""

    tally: Tally
    members: Sequence[Member]


def begun(plan: Plan, policy: Policy, state: WaveState = WaveState.RUNNING) -> Change:
    """A wave at its beginning: where it runs, members without parents are queued, as many as there is room for."""
    tally = Tally(len(plan.members), state)
    members: list[Member] = []
    for number, each in enumerate(plan.members):
        member = Member(
            number=number,
            registry=each.registry,
            task=each.task,
            level=each.level,
            parents=each.parents,
            children=each.children,
            causes=each.causes,
            seconds=each.seconds,
            rank=each.rank,
            pending=each.parents,
        )
        if not each.parents:
            tally, member = _let_in(tally, member, policy)
        members.append(member)
    return Change(tally, tuple(members))


def opened(tally: Tally) -> Change:
    """The wave's members may start."""
    return Change(replace(tally, state=WaveState.RUNNING) if tally.state is WaveState.PLANNED else tally, ())


def freed(tally: Tally, by: Member, children: Sequence[Member], policy: Policy) -> Change:
    """Children do not wait for this parent any more; those that waited for it alone are let in."""
    changed = []
    for child in sorted(children, key=lambda child: -child.rank):
        if by.number not in child.pending:
            continue
        free = replace(child, pending=tuple(each for each in child.pending if each != by.number))
        if free.state is MemberState.WAITING and not free.pending:
            tally, free = _let_in(tally, free, policy)
        changed.append(free)
    return Change(tally, tuple(changed))


def passed(tally: Tally, member: Member, state: MemberState, note: str, now: datetime) -> Change:
    """The member needs nothing more. Its children are freed before, or with it."""
    tally, done = _settle(_out(tally, member), replace(member, state=state, note=note, ended=now), now)
    return Change(tally, (done,))


def held(tally: Tally, by: Member, members: Sequence[Member], now: datetime) -> Change:
    """Descendants of a member that fails do not wait any more: they are held. It settles only after them."""
    changed = []
    for member in members:
        if member.state is MemberState.WAITING:
            tally, each = _settle(
                tally, replace(member, state=MemberState.HELD, note=f"held: {by.task} failed", ended=now), now
            )
            changed.append(each)
    return Change(tally, tuple(changed))


def failed(tally: Tally, member: Member, state: MemberState, note: str, now: datetime, policy: Policy) -> Change:
    """The member failed, or was canceled, for good; its descendants are held already."""
    tally, done = _settle(_out(tally, member), replace(member, state=state, note=note, ended=now), now)
    if state is MemberState.FAILED:
        tally = replace(tally, failed=tally.failed + 1)
        if tally.state is WaveState.RUNNING and not tally.over and policy.budget.spent(tally.failed, tally.total):
            note = f"halted: {tally.failed} of {tally.total} members failed, the budget is {policy.budget}"
            tally = replace(tally, state=WaveState.HALTED, note=note, halted=now)
    return Change(tally, (done,))


def put_off(tally: Tally, member: Member, due: datetime, note: str, *, again: bool) -> Change:
    """The member is tried at a later time; `again` counts another attempt."""
    later = replace(member, state=MemberState.RETRYING, due=due, note=note, seq=0)
    if again:
        later = replace(later, attempt=member.attempt + 1)
    return Change(_out(tally, member), (later,))


def set_back(tally: Tally, member: Member, note: str) -> Change:
    """The member may not start now, although there is room: something is paused."""
    tally = replace(_out(tally, member), ready=tally.ready + 1)
    return Change(tally, (replace(member, state=MemberState.READY, note=note),))


def again(tally: Tally, member: Member, policy: Policy) -> Change:
    """The time of the member's next attempt has come."""
    tally, each = _let_in(tally, replace(member, note="", due=None), policy)
    return Change(tally, (each,))


def let_in(tally: Tally, members: Sequence[Member], policy: Policy) -> Change:
    """Queue members that are ready, as many as there is room for."""
    changed = []
    for member in members:
        if member.state is MemberState.READY and room(tally, policy):
            tally = replace(tally, ready=tally.ready - 1, open=tally.open + 1)
            changed.append(replace(member, state=MemberState.QUEUED, note=""))
    return Change(tally, tuple(changed))


def resumed(tally: Tally, members: Sequence[Member], policy: Policy) -> Change:
    """Bring back some members that failed, were held or canceled: what is done stays done."""
    tally = replace(tally, state=WaveState.RUNNING, note="", ended=None, halted=None)
    changed = []
    for member in members:
        if member.state not in (MemberState.FAILED, MemberState.HELD, MemberState.CANCELED):
            continue
        tally = replace(tally, settled=tally.settled - 1)
        if member.state is MemberState.FAILED:
            tally = replace(tally, failed=tally.failed - 1)
        attempt = member.attempt + 1 if member.run else member.attempt
        back = replace(member, state=MemberState.WAITING, attempt=attempt, seq=0, note="", due=None, ended=None)
        if not back.pending:
            tally, back = _let_in(tally, back, policy)
        changed.append(back)
    return Change(tally, tuple(changed))


def canceled(tally: Tally, members: Sequence[Member], now: datetime) -> Change:
    """Cancel the members that have no run: those that have one end with it."""
    tally = replace(tally, state=WaveState.CANCELED)
    changed = []
    for member in members:
        if member.state.settled or (member.state is MemberState.QUEUED and member.seq):
            continue
        tally = _out(tally, member)
        if member.state is MemberState.READY:
            tally = replace(tally, ready=tally.ready - 1)
        tally, each = _settle(tally, replace(member, state=MemberState.CANCELED, ended=now), now)
        changed.append(each)
    return Change(tally, tuple(changed))


def room(tally: Tally, policy: Policy) -> int:
    """How many members may be queued beside those that are."""
    return max(0, policy.concurrency - tally.open) if tally.state is WaveState.RUNNING else 0


def _let_in(tally: Tally, member: Member, policy: Policy) -> tuple[Tally, Member]:
    """Queue a member that waits for no other; behind those that are ready already, which have a longer way, perhaps."""
    if room(tally, policy) > tally.ready:
        return replace(tally, open=tally.open + 1), replace(member, state=MemberState.QUEUED)
    return replace(tally, ready=tally.ready + 1), replace(member, state=MemberState.READY)


def _out(tally: Tally, member: Member) -> Tally:
    return replace(tally, open=tally.open - 1) if member.state is MemberState.QUEUED else tally


def _settle(tally: Tally, member: Member, now: datetime) -> tuple[Tally, Member]:
    tally = replace(tally, settled=tally.settled + 1)
    if tally.over:
        state = tally.state if tally.state is WaveState.CANCELED else WaveState.FINISHED
        tally = replace(tally, state=state, ended=now)
    return tally, member


def counts(members: Sequence[Member]) -> Mapping[str, int]:
    """How many members are in each state that occurs."""
    found: dict[str, int] = {}
    for member in members:
        found[member.state] = found.get(member.state, 0) + 1
    return found
