"""Waves in tables.

A wave's plan is written under a partition of its own, members in batches, and counts from the moment at which the row
in `waves` names that partition: a planner that dies before leaves rows that nobody reads. In the partition stand the
tally, the members, and a note for each member that is ready, in the order in which they are to start.
`activewaves` lists the waves that are not over, so that repairs need not read the others.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from baselift.app import codec
from baselift.app.ports import AHEAD, Row, Value, Write
from baselift.app.world import World
from baselift.domain.runs import Cause
from baselift.domain.waves.states import Change, Member, MemberState, Moved, Tally

WAVES, MEMBERS, ACTIVE = "waves", "wavemembers", "activewaves"
_ALL = "all"
_TALLY = "!"
_MEMBERS, _READY = ("m|", "m~"), ("r|", "r~")
_MOVING = frozenset({MemberState.QUEUED.value, MemberState.RETRYING.value})
_BATCH = 98
"""Rows beside the tally in one batch, and one to spare."""
_KEY = re.compile(r"(?P<plan>\d{10}-[0-9a-f]{8}-[0-9a-f]+)/(?P<number>\d+)/\d+")
_LAST_SECOND, _LONGEST_RANK = 9_999_999_999, 9_999_999_999


@dataclass(frozen=True, slots=True)
class Wave:
    """What a wave is, from its beginning on."""

    id: str
    plan: str
    """Partition of its tally and members."""
    causes: Sequence[Moved]
    """The bases that moved."""
    at: str
    """RFC 3339 time of the movement."""
    begun: str
    """RFC 3339 time at which it was planned."""
    registries: Sequence[str]
    """Registries that its members belong to, lower case."""
    total: int
    beside: Sequence[str] = ()
    """Canonical references of other bases of its members: what moved with the cause belongs to the same rebuild."""


@dataclass(frozen=True, slots=True)
class StoredTally:
    """A tally as read."""

    tally: Tally
    etag: str


@dataclass(frozen=True, slots=True)
class StoredMember:
    """A member as read."""

    member: Member
    etag: str


def wave_id(image: str, generation: int, at: str, roots: Iterable[str], after: str = "") -> str:
    """The id of what a movement causes, `after` a wave of it that left them as they were; the same whoever plans it."""
    text = "|".join((f"{image}@{generation}", *sorted(roots), after)).rstrip("|")
    seconds = int(datetime.fromisoformat(at).timestamp()) if at else 0
    return f"{seconds:010d}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def id_of(plan: str) -> str:
    """The id of the wave that a partition belongs to."""
    return plan.rpartition("-")[0]


def began(plan: str) -> int:
    """When the base moved that a wave's partition is named for: epoch seconds."""
    return int(plan.partition("-")[0])


def place_of(cause: Cause) -> tuple[str, int] | None:
    """Plan and number of the member that a run was made for; None for a run of no wave."""
    match = _KEY.fullmatch(cause.key) if cause.kind == "image" else None
    return (match["plan"], int(match["number"])) if match else None


async def get(world: World, identifier: str) -> Wave | None:
    """The wave with this id; None when there is none."""
    if not _is_id(identifier):
        return None
    row = await world.tables.get(WAVES, _ALL, _newest_first(identifier))
    return None if row is None else codec.load(Wave, row.text("doc"))


async def newest(world: World, ahead: int = AHEAD) -> AsyncIterator[Wave]:
    """All waves, newest first. `ahead` as in `Tables.query`."""
    async for row in world.tables.query(WAVES, partition=_ALL, ahead=ahead):
        yield codec.load(Wave, row.text("doc"))


async def active(world: World) -> AsyncIterator[Row]:
    """Rows of the waves that are not over: `id`, `plan`, `sent` as epoch seconds."""
    async for row in world.tables.query(ACTIVE, partition=_ALL):
        yield row


async def activate(world: World, wave: Wave) -> None:
    """List the wave among those that are not over."""
    values: dict[str, Value] = {"id": wave.id, "plan": wave.plan, "sent": world.now().timestamp()}
    await world.tables.upsert(ACTIVE, Row(_ALL, wave.plan, values))


async def retire(world: World, plan: str) -> None:
    """Take the wave off the list."""
    await world.tables.delete(ACTIVE, _ALL, plan)


async def write_plan(world: World, plan: str, change: Change) -> Mapping[int, StoredMember]:
    """Write a new wave's members, and its tally last. Raises Conflict when the partition is taken."""
    writes = [Write("insert", row) for each in change.members for row in _rows(plan, each)]
    writes.append(Write("insert", _tally_row(plan, change.tally)))
    etags: dict[str, str] = {}
    for start in range(0, len(writes), _BATCH):
        part = writes[start : start + _BATCH]
        written = await world.tables.batch(MEMBERS, part)
        etags |= dict(zip((write.row.key for write in part), written, strict=True))
    return {each.number: StoredMember(each, etags[_key(each.number)]) for each in change.members}


async def commit(world: World, wave: Wave) -> None:
    """Have the wave count. Raises Conflict when another planner was faster."""
    row = Row(_ALL, _newest_first(wave.id), {"id": wave.id, "doc": codec.dump(wave)})
    await world.tables.insert(WAVES, row)


async def tally(world: World, plan: str) -> StoredTally | None:
    """The tally; None when there is no such plan."""
    row = await world.tables.get(MEMBERS, plan, _TALLY)
    return None if row is None else StoredTally(codec.load(Tally, row.text("doc")), row.etag)


async def member(world: World, plan: str, number: int) -> StoredMember | None:
    """One member; None when there is none."""
    row = await world.tables.get(MEMBERS, plan, _key(number))
    return None if row is None else _member(row)


async def members(world: World, plan: str) -> AsyncIterator[StoredMember]:
    """All members, by number."""
    async for row in world.tables.query(MEMBERS, partition=plan, keys=_MEMBERS):
        yield _member(row)


async def moving(world: World, plan: str) -> AsyncIterator[StoredMember]:
    """The members with which something may have to be done now, by number; the others cost no decoding."""
    async for row in world.tables.query(MEMBERS, partition=plan, keys=_MEMBERS):
        if row.text("state") in _MOVING:
            yield _member(row)


async def ready(world: World, plan: str, count: int | None) -> list[int]:
    """Numbers of the first `count` members that are ready (None: of all), the longest way first."""
    found: list[int] = []
    async for row in world.tables.query(MEMBERS, partition=plan, keys=_READY):
        found.append(row.number("number"))
        if len(found) == count:
            break
    return found


async def apply(world: World, plan: str, before: Sequence[StoredMember], change: Change, stored: StoredTally) -> None:
    """Write a change of at most 48 members and the tally, all or nothing. Raises Stale."""
    known = {each.member.number: each for each in before}
    writes = [] if change.tally == stored.tally else [Write("replace", _tally_row(plan, change.tally, stored.etag))]
    for each in change.members:
        was = known[each.number]
        writes.append(Write("replace", _member_row(plan, each, was.etag)))
        writes += _ready_writes(plan, was.member, each)
    if writes:
        await world.tables.batch(MEMBERS, writes)


async def save(world: World, plan: str, changes: Sequence[tuple[StoredMember, Member]]) -> None:
    """Write members whose state stays, all or nothing; those that are not changed are not written. Raises Stale."""
    rows = [_member_row(plan, now, was.etag) for was, now in changes if was.member != now]
    if rows:
        await world.tables.batch(MEMBERS, [Write("replace", row) for row in rows])


def _ready_writes(plan: str, was: Member, now: Member) -> list[Write]:
    before, after = was.state is MemberState.READY, now.state is MemberState.READY
    if before == after:
        return []
    return [Write("upsert" if after else "delete", _ready_row(plan, now))]


def _rows(plan: str, each: Member) -> list[Row]:
    rows = [_member_row(plan, each)]
    return [*rows, _ready_row(plan, each)] if each.state is MemberState.READY else rows


def _member_row(plan: str, each: Member, etag: str = "") -> Row:
    return Row(plan, _key(each.number), {"state": each.state.value, "doc": codec.dump(each)}, etag)


def _ready_row(plan: str, each: Member) -> Row:
    urgency = _LONGEST_RANK - int(min(each.rank, _LONGEST_RANK))
    return Row(plan, f"r|{urgency:010d}|{each.number:06d}", {"number": each.number})


def _tally_row(plan: str, value: Tally, etag: str = "") -> Row:
    return Row(plan, _TALLY, {"doc": codec.dump(value)}, etag)


def _member(row: Row) -> StoredMember:
    return StoredMember(codec.load(Member, row.text("doc")), row.etag)


def _key(number: int) -> str:
    return f"m|{number:06d}"


def _newest_first(identifier: str) -> str:
    seconds, _, rest = identifier.partition("-")
    return f"{_LAST_SECOND - int(seconds):010d}-{rest}"


def _is_id(text: str) -> bool:
    seconds, dash, rest = text.partition("-")
    return bool(dash) and seconds.isdecimal() and len(seconds) == 10 and rest.isalnum()  # noqa: PLR2004
