"""Waves, previews, graphs, stale edges and pauses as the API prints and reads them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from baselift.app.waves.list_waves import ShownWave, by_state
from baselift.app.waves.pauses import Pause
from baselift.app.waves.preview import Preview
from baselift.app.waves.stale import StaleEdge
from baselift.arm import errors, plain
from baselift.arm.names import PROVIDER, Scope
from baselift.arm.shapes import Text
from baselift.domain import schedules
from baselift.domain.waves.graph import Cycle, Graph
from baselift.domain.waves.states import Member

LONGEST = 7 * 24 * 60
"""Minutes of a window."""
_NOTE = Text(most=10_000)


def show(shown: ShownWave, where: Scope, members: Sequence[Member] | None = None) -> dict[str, Any]:
    """A wave as a resource; with its members where they are given."""
    wave, tally = shown.wave, shown.tally
    properties: dict[str, Any] = {
        "state": shown.state,
        "note": shown.note,
        "causes": [{"image": cause.image, "digest": cause.digest} for cause in wave.causes],
        "movedTime": wave.at,
        "createTime": wave.begun,
        "finishTime": _time(tally.ended),
        "total": tally.total,
        "settled": tally.settled,
        "queued": tally.open,
        "ready": tally.ready,
        "failed": tally.failed,
    }
    if members is not None:
        properties |= {"states": by_state(members), "members": [_member(each, members) for each in members]}
    return {
        "id": f"{where.id}/waves/{wave.id}",
        "name": wave.id,
        "type": f"{PROVIDER}/registries/waves",
        "properties": properties,
    }


def preview(found: Preview) -> dict[str, Any]:
    """A plan that is not carried out."""
    plan = found.plan
    return {
        "image": found.image,
        "levels": plan.levels,
        "seconds": found.seconds,
        "criticalSeconds": plan.seconds,
        "criticalPath": [plan.members[number].task for number in plan.critical],
        "members": [
            {
                "task": member.task,
                "registry": member.registry,
                "level": member.level,
                "after": [plan.members[number].task for number in member.parents],
                "causes": list(member.causes),
                "seconds": member.seconds,
            }
            for member in plan.members
        ],
        "cycles": [_cycle(cycle) for cycle in found.cycles],
    }


def graph(found: Graph) -> dict[str, Any]:
    """Tasks, the edges between them, and the cycles that some of these close."""
    return {
        "tasks": [
            {
                "task": node.task,
                "outputs": list(node.outputs),
                "bases": [{"image": use.image, "kind": use.kind, "follows": use.follows} for use in node.uses],
            }
            for node in found.nodes.values()
        ],
        "edges": [
            {
                "parent": found.nodes[name].task,
                "child": found.nodes[child].task,
                "closesCycle": (name, child) in found.closing,
            }
            for name in found.nodes
            for child in found.children(name)
        ],
        "cycles": [_cycle(cycle) for cycle in found.cycles],
    }


def stale(found: Sequence[StaleEdge]) -> list[dict[str, Any]]:
    """Edges that are behind their bases."""
    return [{"task": each.task, **plain.document(each.edge)} for each in found]


def pause(found: Pause) -> dict[str, Any]:
    """A pause."""
    return dict(plain.document(found))


def parse_pause(body: Any, registry: str, now: str) -> Pause:
    """Read a pause. Raises ApiError 400 naming the field."""
    if not isinstance(body, dict):
        raise errors.invalid("The body must be an object with 'kind', and 'name' of a task or a base.")
    kind, name = body.get("kind"), body.get("name") or ""
    window, minutes = body.get("window") or "", body.get("minutes") or 0
    if kind not in ("registry", "task", "base"):
        raise errors.invalid(f"kind is {kind!r}: it must be registry, task or base.", "kind")
    if not isinstance(name, str) or bool(name) == (kind == "registry"):
        needs = "none" if kind == "registry" else "its name"
        raise errors.invalid(f"name is {name!r}: a {kind} needs {needs}.", "name")
    _check_window(window, minutes)
    given = body.get("note")
    note = "" if given in (None, "") else _NOTE.read(given, "note", partial=False)
    return Pause(kind, "" if kind == "base" else registry, name, now, window, minutes, note[:200])


def _check_window(window: Any, minutes: Any) -> None:
    if not isinstance(window, str) or not isinstance(minutes, int) or bool(window) != bool(minutes):
        raise errors.invalid("window is a schedule and minutes a number: the two go together.", "window")
    if not window:
        return
    if isinstance(minutes, bool) or not 1 <= minutes <= LONGEST:
        raise errors.invalid(f"minutes is {minutes}: it must be 1 to {LONGEST}.", "minutes")
    try:
        schedules.parse(window)
    except ValueError as error:
        raise errors.invalid(f"window is '{window}': it must be {error}.", "window") from error


def _member(each: Member, members: Sequence[Member]) -> dict[str, Any]:
    return {
        "task": each.task,
        "registry": each.registry,
        "state": each.state,
        "level": each.level,
        "after": [members[number].task for number in each.parents],
        "waitsFor": [members[number].task for number in each.pending],
        "causes": list(each.causes),
        "runId": each.run or None,
        "attempt": each.attempt,
        "note": each.note,
        "dueTime": _time(each.due),
        "startTime": _time(each.started),
        "finishTime": _time(each.ended),
        "seconds": each.seconds,
    }


def _cycle(cycle: Cycle) -> list[str]:
    return list(cycle.path)


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
