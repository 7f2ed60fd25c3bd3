"""Send notices: one attempt for each message, again after ever longer pauses, until it is accepted or given up.

One may be sent twice, by a process that dies before it has written down that it was accepted. Its event's id tells.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from baselift.app.notifications import outbox, targets, update_trigger
from baselift.app.notifications.outbox import Notice, State, Stored
from baselift.app.notifications.targets import Target
from baselift.app.ports import Letter, Row, Stale
from baselift.app.world import World
from baselift.domain import eventgrid, notifications
from baselift.domain.builds import Failure

EARLY = timedelta(seconds=1)
"""By how much clocks of two machines may differ."""
OLDEST = timedelta(days=2)
"""A notice that old is given up, however few attempts were made while its target was left alone."""
LEFT_ALONE = "its target gave no answer to others, and is left alone for a while"
_ACCEPTED = range(200, 300)

log = logging.getLogger(__name__)


async def deliver(world: World, registry: str, target: str, key: str) -> None:
    """Answer a message of the queue of notices."""
    stored = await outbox.get(world, registry, target, key)
    if stored is None or stored.notice.state is not State.PENDING:
        await outbox.unlist(world, registry, target, key)
        return
    notice, now = stored.notice, world.now()
    if notice.due is not None and now + EARLY < notice.due:
        return
    if (until := world.targets.resting(notice.place, now)) and _can_wait(notice, now):
        await _write(world, stored, replace(notice, due=until, answer=notice.answer or LEFT_ALONE))
        return
    await _write(world, stored, await _attempt(world, notice))


def _can_wait(notice: Notice, now: datetime) -> bool:
    """False for one that would be given up before long, and for one that somebody sends to see whether it arrives."""
    return notice.action != notifications.PING and now - notice.since < OLDEST


async def repair_notices(world: World) -> None:
    """Send the messages again of notices that should have been sent by now."""
    async for row in outbox.pending(world):
        if not _late(world, row):
            continue
        stored = await outbox.get(world, row.text("registry"), row.text("target"), row.text("key"))
        if stored is None or stored.notice.state is not State.PENDING:
            await outbox.unlist(world, row.text("registry"), row.text("target"), row.text("key"))
        else:
            await outbox.hand_over(world, stored.notice)


async def _attempt(world: World, notice: Notice) -> Notice:
    """The notice as it is after an attempt to send it."""
    try:
        letter = await _letter(world, notice)
        if letter is None:
            return replace(notice, state=State.DROPPED, due=None, answer="its target was removed or disabled")
        status = await _send(world, letter)
    except (Failure, ValueError) as error:
        world.targets.rest(notice.place, world.now())
        return _again(world, replace(notice, status=0, answer=str(error)))
    world.targets.answers(notice.place)
    told = replace(notice, status=status, answer=f"answered {status}")
    if status in _ACCEPTED:
        return replace(told, state=State.DELIVERED, attempts=notice.attempts + 1, due=None, last=world.now())
    return _again(world, told)


async def _send(world: World, letter: Letter) -> int:
    if world.post is None:
        raise Failure("nothing here sends events")
    return await world.post(letter)


def _again(world: World, notice: Notice) -> Notice:
    now, attempts = world.now(), notice.attempts + 1
    told = replace(notice, attempts=attempts, last=now)
    if attempts > len(world.notify_pauses) or now - notice.since >= OLDEST:
        return replace(told, state=State.FAILED, due=None)
    return replace(told, due=now + timedelta(seconds=world.notify_pauses[attempts - 1]))


async def _write(world: World, stored: Stored, changed: Notice) -> None:
    try:
        await outbox.save(world, stored, changed)
    except Stale:
        log.info("notice %s to %s was sent by another too", changed.id, changed.target)
        return
    if changed.state is State.PENDING:
        await outbox.hand_over(world, changed)
        return
    await outbox.unlist(world, changed.registry, changed.target, changed.key)
    told = (changed.id, changed.target, changed.registry, changed.attempts, changed.answer)
    if changed.state is State.FAILED:
        log.error("notice %s to %s of registry %s was given up after %d attempts: %s", *told)
    else:
        log.info("notice %s to %s of registry %s: %d attempts, %s", *told)


async def _letter(world: World, notice: Notice) -> Letter | None:
    """What is sent. None: its target is no more. Raises ValueError where the target's secrets cannot be opened."""
    if notice.target.startswith(outbox.TASK):
        task = notice.target.removeprefix(outbox.TASK)
        url = await update_trigger.endpoint(world, notice.registry, task)
        headers = {"content-type": "application/json", "webhook-id": notice.id}
        return Letter(url, headers, notice.body.encode()) if url else None
    target = await targets.get(world.tables, notice.registry, notice.target)
    if target is None or not target.enabled:
        return None
    return _addressed(world, target, notice, world.now())


def _addressed(world: World, target: Target, notice: Notice, now: datetime) -> Letter:
    callback, body = target.callback(world.unseal), notice.body.encode()
    if target.topic:
        key = {"aeg-sas-key": callback.secret} if callback.secret else {}
        # A topic takes single events too, but Azure's own clients send batches: that is the way that is walked on.
        headers = {"content-type": "application/cloudevents-batch+json; charset=utf-8"} | key
        url = eventgrid.publishing(callback.uri)
        return Letter(url, dict(callback.headers) | headers, b"[" + body + b"]", topic=not callback.secret)
    timestamp = int(now.timestamp())
    signed = {
        "content-type": "application/cloudevents+json; charset=utf-8",
        "webhook-id": notice.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": notifications.signature(callback.secret, notice.id, timestamp, body),
    }
    return Letter(callback.uri, dict(callback.headers) | signed, body)


def _late(world: World, row: Row) -> bool:
    return world.now().timestamp() - float(row.values["sent"]) > world.lease.total_seconds()  # type: ignore[arg-type]
