"""The state of one edge, as people see it. Pure: what is known comes in, what it means goes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselift.domain import tasks
from baselift.domain.edges import policies
from baselift.domain.edges.rules import RULES
from baselift.domain.images import Reference
from baselift.domain.runs import BaseUse
from baselift.domain.settling import Settling
from baselift.domain.staleness import Base, Dependent

WATCHING, STALE, PINNED, DISABLED = "watching", "stale", "pinned", "disabled"
IGNORED, UNTRACKED, UNKNOWN = "ignored", "untracked", "unknown"
STATES = (WATCHING, STALE, PINNED, DISABLED, IGNORED, UNTRACKED, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one look at a base saw."""

    at: str
    """RFC 3339."""
    source: str
    """Who asked for it: `baselift.app.reasons.Reason.source`."""
    digest: str = ""
    """Empty where the registry has no such tag, or did not answer."""
    problem: str = ""
    """Why the registry did not answer."""


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known of an edge."""

    use: BaseUse
    """The base as the task's source, or its last run, names it."""
    policy: str
    base: Base | None
    """The base as it is watched; None before it is."""
    moved: str
    """RFC 3339 time of its last movement; empty when it never moved."""
    dependent: Dependent | None
    """The edge as it is stored; None before it is."""
    event: Sighting | None
    """The last look that an event asked for."""
    check: Sighting | None
    """The last look that nobody's event asked for."""
    settling: Settling | None = None
    """A movement of the base that is not decided yet."""


@dataclass(frozen=True, slots=True)
class EdgeState:
    """One edge and how it stands. Times are RFC 3339, empty where there is none; digests likewise."""

    base: str
    """Canonical reference of the tag; of a base without one, by digest."""
    kind: str
    """`Runtime` or `Buildtime`."""
    policy: str
    """One of `baselift.domain.edges.policies.POLICIES`."""
    state: str
    """One of `STATES`."""
    text: str
    """What that means, and what to do where something is to be done."""
    how: str
    """`events` where an event of the base ever came, else `polling`; empty where nobody looks."""
    built_on: str
    """Digest that the task was last built on, or first scanned with; of a pinned base the digest that is named."""
    now: str
    """Digest that the tag has now."""
    moved_past: bool
    """True when `now` is not what the task stands on: of a pinned base, that the tag moved past the pin."""
    stale_since: str
    """When the base moved past what the task stands on."""
    last_event: str
    last_check: str


def state(known: Known, task: Mapping[str, Any], outputs: Sequence[Reference] = ()) -> EdgeState:
    """How an edge of a task stands. `outputs` are the images that the task itself moves."""
    image, edge, base = known.use.image, known.dependent, known.base
    reference = Reference(image.registry, image.repository, image.tag, None if image.tag else image.digest)
    built_on = (image.digest or "") if known.use.pinned or edge is None else edge.built or edge.digest
    now = base.digest if base else ""
    past = behind(built_on, edge, base)
    name, text = _judged(known, task, outputs, past=past)
    looks = [sighting.at for sighting in (known.event, known.check) if sighting]
    return EdgeState(
        base=str(reference),
        kind=known.use.kind,
        policy=known.policy,
        state=name,
        text=text,
        how="" if base is None else "events" if known.event else "polling",
        built_on=built_on,
        now=now,
        moved_past=past,
        stale_since=known.moved if past else "",
        last_event=known.event.at if known.event else "",
        last_check=max(looks, default=""),
    )


def behind(built_on: str, edge: Dependent | None, base: Base | None) -> bool:
    """True when the base is not what a task stands on: the digest `built_on`, by its edge where there is one."""
    return base is not None and base.digest not in ("", built_on) and not _same_platforms(edge, base)


def _judged(known: Known, task: Mapping[str, Any], outputs: Sequence[Reference], *, past: bool) -> tuple[str, str]:
    """State and text. What the user decided comes before what the registry says."""
    trigger = tasks.base_trigger(task)
    if known.use.pinned:
        moved = "; its tag has moved past it" if past else ""
        return PINNED, RULES["pinned"] + moved
    if known.policy == policies.IGNORE:
        return IGNORED, RULES["ignored-edge"]
    if not tasks.enabled(task):
        return DISABLED, RULES["task-disabled"]
    if not trigger.on:
        return DISABLED, RULES["trigger-disabled"]
    if not trigger.covers(known.use.kind) and known.policy != policies.REBUILD:
        return UNTRACKED, RULES["untracked"]
    if known.base is not None and known.base.image in outputs:
        return IGNORED, RULES["own-output"]
    return _seen(known, past=past)


def _seen(known: Known, *, past: bool) -> tuple[str, str]:
    last = max((each for each in (known.event, known.check) if each), key=lambda each: each.at, default=None)
    if known.base is None or known.dependent is None:
        return UNKNOWN, "the base is not watched yet: the task's source is being read"
    if last is not None and last.problem:
        return UNKNOWN, last.problem
    if last is not None and not last.digest:
        return UNKNOWN, RULES["tag-absent"]
    if known.settling is not None:
        return (
            WATCHING,
            f"it is at {known.settling.digest}, which is decided about at {known.settling.until.isoformat()}",
        )
    if past:
        return STALE, "the base moved, and no run of the task has succeeded on it yet"
    return WATCHING, "a movement of the base starts a run"


def _same_platforms(edge: Dependent | None, base: Base | None) -> bool:
    """True when the tag's index moved and what the task was built on in it did not."""
    if edge is None or base is None or edge.pinned or not edge.manifests or edge.built not in ("", edge.digest):
        return False
    return all(base.manifest(platform) == digest for platform, digest in edge.manifests.items())
