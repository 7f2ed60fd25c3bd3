"""Waves in tables.

A wave's plan is written under a partition of its own, members in batches, and counts from the moment at which the row
in `waves` names that partition: a planner that dies before leaves rows that nobody reads. In the partition stand the
tally, the members, and a note for each member that is ready, in the order in which they are to start.
`activewaves` lists the waves that are not over, so that repairs need not read the others.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from baselift.app import codec
from baselift.app.ports import AHEAD, WHOLE, Row, Stale, Value, Write
from baselift.app.world import World
from baselift.domain.runs import Cause
from baselift.domain.waves.states import Change, Member, MemberState, Moved, Tally

WAVES, MEMBERS, ACTIVE = "waves", "wavemembers", "activewaves"
_ALL = "all"
_TALLY = "!"
_MEMBERS, _READY = ("m|", "m~"), ("r|", "r~")
_MOVING = frozenset({MemberState.QUEUED.value, MemberState.RETRYING.value})
_MOST = 100
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
    """When the base moved that a wave's id, or its partition, is named for: epoch seconds."""
    return int(plan.partition("-")[0])


def may_be_gone(identifier: str, before: datetime) -> bool:
    """Whether this is the id of a movement before a time: its wave may have been deleted."""
    return _is_id(identifier) and began(identifier) < before.timestamp()


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


async def moved_before(world: World, at: datetime) -> AsyncIterator[Wave]:
    """The waves of movements before a time, newest first: among them all that ended before it."""
    first = f"{_LAST_SECOND - int(at.timestamp()):010d}"
    async for row in world.tables.query(WAVES, partition=_ALL, keys=(first, "~")):
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


async def write_plan(world: World, plan: str, change: Change) -> Sequence[StoredMember]:
    """Write a new wave's members, and its tally last; the members as written.

    Raises:
        Conflict: the partition is taken.
    """
    writes = [Write("insert", row) for each in change.members for row in _rows(plan, each)]
    writes.append(Write("insert", _tally_row(plan, change.tally)))
    etags: dict[str, str] = {}
    for start in range(0, len(writes), _BATCH):
        etags |= await _write(world, writes[start : start + _BATCH])
    return [StoredMember(each, etags[_key(each.number)]) for each in change.members]


async def commit(world: World, wave: Wave) -> None:
    """Have the wave count. Raises Conflict when another planner was faster."""
    row = Row(_ALL, _newest_first(wave.id), {"id": wave.id, "doc": codec.dump(wave)})
    await world.tables.insert(WAVES, row)


async def forget(world: World, wave: Wave, stored: StoredTally | None) -> None:
    """Delete a wave that is over, its own row last, so that what a crash leaves is found by it. Raises Stale.

    `stored`: its tally; None where that is deleted already.
    """
    if stored is not None:
        # From then on nobody can resume it.
        await world.tables.delete(MEMBERS, wave.plan, _TALLY, stored.etag)
    await clear(world, wave.plan)
    await world.tables.delete(WAVES, _ALL, _newest_first(wave.id))


async def clear(world: World, plan: str) -> None:
    """Delete all rows of a plan."""
    while rows := [row async for row in world.tables.query(MEMBERS, partition=plan, ahead=WHOLE)]:
        # Two may do so at the same time: what one took the other does not find.
        with suppress(Stale):
            for start in range(0, len(rows), _MOST):
                deletes = [Write("delete", Row(plan, row.key, {})) for row in rows[start : start + _MOST]]
                await world.tables.batch(MEMBERS, deletes)


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


async def apply(
    world: World, plan: str, before: Sequence[StoredMember], change: Change, stored: StoredTally
) -> Sequence[StoredMember]:
    """Write a change of at most 48 members and the tally, all or nothing; the members as written. Raises Stale."""
    known = {each.member.number: each for each in before}
    writes = [] if change.tally == stored.tally else [Write("replace", _tally_row(plan, change.tally, stored.etag))]
    for each in change.members:
        was = known[each.number]
        writes.append(Write("replace", _member_row(plan, each, was.etag)))
        writes += _ready_writes(plan, was.member, each)
    etags = await _write(world, writes)
    return [StoredMember(each, etags[_key(each.number)]) for each in change.members]


async def _write(world: World, writes: Sequence[Write]) -> Mapping[str, str]:
    """The etags by key. Raises Conflict or Stale."""
    written = await world.tables.batch(MEMBERS, writes) if writes else ()
    return dict(zip((write.row.key for write in writes), written, strict=True))


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
