"""What people's own systems are told: events of runs and waves, for whom each is, how it is signed and sent again.

Events are CloudEvents 1.0 in JSON. Their ids are made of what they tell of, so that a receiver knows one it had before.
Signatures are those of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body.
"""

import base64
import binascii
import fnmatch
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from baselift.domain.runs import ImageDescriptor, Run, Status
from baselift.domain.waves.states import Moved, Tally

RUN_ACTIONS = ("run_succeeded", "run_failed")
WAVE_ACTIONS = ("wave_started", "wave_halted", "wave_finished")
ACTIONS = (*WAVE_ACTIONS, *RUN_ACTIONS)
PING = "ping"
PAUSES: tuple[float, ...] = (5, 60, 600, 3600, 10_800, 21_600, 43_200)
"""Seconds between the attempts to send one notice: eight attempts within a day."""

SECRET = "whsec_"  # noqa: S105 - how Standard Webhooks marks one
_BYTES = (24, 64)
"""Length of a signing secret, as Standard Webhooks has it."""
_RUN_ENDS = {
    Status.SUCCEEDED: "run_succeeded",
    Status.FAILED: "run_failed",
    Status.ERROR: "run_failed",
    Status.TIMEOUT: "run_failed",
}
_TRIGGERS = {"request": "Manual", "image": "Image Update", "timer": "Timer", "source": "Source"}
_LISTED, _TEXT = 100, 4000


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that targets are told of."""

    id: str
    """The same whoever finds out; letters, digits and dashes."""
    action: str
    at: datetime
    subject: str
    """Path below the registry resource."""
    data: Mapping[str, Any]
    task: str | None = None


@dataclass(frozen=True, slots=True)
class WaveFacts:
    """A wave as its events tell of it."""

    id: str
    causes: Sequence[Moved]
    moved: str
    """RFC 3339."""
    begun: str
    """RFC 3339."""
    states: Mapping[str, int] = field(default_factory=dict)
    """How many members are in each state."""
    left: Sequence[str] = ()
    """Tasks that failed, were held or canceled."""


def of_run(run: Run, moved: Sequence[Moved] = (), wave: str = "") -> Happening | None:
    """The end of a run; None for one that is not told of: it goes on, or somebody canceled it.

    Args:
        run: as it is stored.
        moved: the bases because of which it was made, with the digests that its task stood on.
        wave: id of the wave that it belongs to.
    """
    action = _RUN_ENDS.get(run.status)
    if action is None:
        return None
    subject = f"tasks/{run.task}/runs/{run.id}" if run.task else f"runs/{run.id}"
    data = {
        "registry": run.registry,
        "run": run.id,
        "task": run.task,
        "status": run.status.value,
        "runType": run.run_type,
        "images": [_image(image) for image in run.outputs[:_LISTED]],
        "cause": _cause(run, moved, wave),
        "commit": run.commit,
        "createTime": _time(run.created),
        "startTime": _time(run.started),
        "finishTime": _time(run.finished),
        "error": None if run.status is Status.SUCCEEDED else (run.error or "")[:_TEXT],
    }
    at = run.finished or run.created
    return Happening(f"{run.registry.lower()}-run-{run.id}", action, at, subject, data, run.task)


def of_wave(facts: WaveFacts, tally: Tally) -> list[Happening]:
    """What has happened to a wave whose tally is this: it started; it was halted; it is finished."""
    found = [_wave(facts, tally, "started", "", datetime.fromisoformat(facts.begun))]
    if tally.halted is not None:
        found.append(_wave(facts, tally, "halted", f"-{_milliseconds(tally.halted)}", tally.halted))
    if tally.over and tally.ended is not None:
        found.append(_wave(facts, tally, "finished", f"-{_milliseconds(tally.ended)}", tally.ended))
    return found


def ping(registry: str, name: str, token: str, now: datetime) -> Happening:
    """An event that says nothing."""
    data = {"registry": registry, "webhook": name}
    return Happening(f"{registry.lower()}-ping-{token}", PING, now, f"webhooks/{name}", data)


def document(happening: Happening, source: str) -> str:
    """The CloudEvent, as JSON. `source`: id of the registry resource."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": happening.id,
            "source": source,
            "type": event_type(happening.action),
            "subject": happening.subject,
            "time": _time(happening.at),
            "datacontenttype": "application/json",
            "data": happening.data,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def event_type(action: str) -> str:
    """The CloudEvents type of an action: ``baselift.run.succeeded`` for `run_succeeded`."""
    return f"baselift.{action.replace('_', '.')}"


def wanted(happening: Happening, actions: Sequence[str], scope: str) -> bool:
    """Whether a target with these actions and this scope (a task's name, ``*`` in it for any text) is told."""
    if happening.action not in actions:
        return False
    return not scope or (happening.task is not None and fnmatch.fnmatchcase(happening.task.lower(), scope.lower()))


def update_trigger(run: Run, token: str | None, kind: str) -> str:
    """What a task's `updateTriggerEndpoint` is sent: the token alone (`Token`), or with what caused the run."""
    body: dict[str, Any] = {"updateTriggerToken": token}
    if kind != "Token":
        told = of_run(run)
        images = [
            {"registry": each.registry, "repository": each.repository, "tag": each.tag, "digest": each.digest}
            for each in run.cause.images
        ]
        body["imageUpdateTrigger"] = {"id": run.trigger_id, "timestamp": run.cause.at or None, "images": images}
        body["run"] = told.data if told else {"registry": run.registry, "run": run.id, "status": run.status.value}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def check_secret(text: str) -> None:
    """Refuse what signs nothing. Several secrets, separated by blanks, sign all: so one is replaced by another.

    Raises:
        ValueError: with what would be right.
    """
    words = text.split()
    if not words or not all(_BYTES[0] <= len(_key(word)) <= _BYTES[1] for word in words):
        raise ValueError(f"'{SECRET}' and {_BYTES[0]} to {_BYTES[1]} bytes in base64; several of them by blanks")


def signature(secret: str, identifier: str, timestamp: int, body: bytes) -> str:
    """Value of the header `webhook-signature`: one word for each of the secrets."""
    text = f"{identifier}.{timestamp}.".encode() + body
    signed = (hmac.new(_key(word), text, hashlib.sha256).digest() for word in secret.split())
    return " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signed)


def _key(word: str) -> bytes:
    """Empty for what is no secret."""
    try:
        return base64.b64decode(word.removeprefix(SECRET), validate=True) if word.startswith(SECRET) else b""
    except (binascii.Error, ValueError):
        return b""


def _cause(run: Run, moved: Sequence[Moved], wave: str) -> dict[str, Any]:
    before = {each.image: each.before for each in moved}
    bases = [
        {"image": base.reference, "before": before.get(base.reference) or None, "after": base.digest}
        for base in run.cause.images
    ]
    kind = run.cause.kind
    return {
        "trigger": run.cause.details.get("eventType") or _TRIGGERS.get(kind, kind),
        "time": run.cause.at or None,
        "bases": bases,
        "wave": wave or None,
    }


def _image(image: ImageDescriptor) -> dict[str, Any]:
    name = f"{image.registry}/{image.repository}"
    return {
        "reference": image.reference,
        "digest": image.digest,
        "pinned": f"{name}@{image.digest}" if image.digest else None,
    }


def _wave(facts: WaveFacts, tally: Tally, what: str, suffix: str, at: datetime) -> Happening:
    data: dict[str, Any] = {
        "wave": facts.id,
        "causes": [{"image": each.image, "digest": each.digest} for each in facts.causes],
        "movedTime": facts.moved or None,
        "total": tally.total,
    }
    if what != "started":
        data |= {
            "state": tally.state.value,
            "note": tally.note,
            "states": dict(facts.states),
            "left": list(facts.left[:_LISTED]),
        }
    return Happening(f"wave-{facts.id}-{what}{suffix}", f"wave_{what}", at, f"waves/{facts.id}", data)


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
