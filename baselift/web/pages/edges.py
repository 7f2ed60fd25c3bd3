"""A task's edges to its bases, and what they say about the task as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from baselift.app.edge_states import TaskEdges
from baselift.app.task_rows import StoredTask
from baselift.domain import tasks
from baselift.domain.edges import states
from baselift.domain.edges.states import EdgeState
from baselift.domain.runs import Run, Status
from baselift.web.values import Chip, Moment, moment

_WORDS = {
    states.WATCHING: Chip("good", "current"),
    states.STALE: Chip("warn", "stale"),
    states.PINNED: Chip("off", "pinned"),
    states.DISABLED: Chip("off", "not followed"),
    states.IGNORED: Chip("off", "ignored"),
    states.UNTRACKED: Chip("off", "not tracked"),
    states.UNKNOWN: Chip("bad", "unknown"),
}


@dataclass(frozen=True, slots=True)
class Edge:
    """One base image of a task."""

    base: str
    kind: str
    chip: Chip
    text: str
    built_on: str
    now: str
    moved: bool
    since: Moment | None
    how: str
    looked: Moment | None


def edge(state: EdgeState) -> Edge:
    """An edge as it is shown."""
    return Edge(
        base=state.base,
        kind=state.kind,
        chip=_WORDS[state.state],
        text=state.text,
        built_on=state.built_on,
        now=state.now,
        moved=state.moved_past,
        since=moment(state.stale_since),
        how=state.how,
        looked=moment(state.last_check),
    )


def standing(task: StoredTask, edges: TaskEdges, last: Run | None) -> Chip:
    """How a task stands: what a person must see to comes first."""
    found = {each.state for each in edges.edges}
    return judged(task, last, stale=states.STALE in found, unknown=states.UNKNOWN in found)


def judged(task: StoredTask, last: Run | None, *, stale: bool, unknown: bool = False) -> Chip:
    """How a task stands whose last run is over, by what is known of its edges."""
    if not tasks.enabled(task.document):
        return Chip("off", "disabled")
    if last is not None and last.status in (Status.FAILED, Status.ERROR, Status.TIMEOUT):
        return Chip("bad", "failing")
    if task.edges.problem or unknown:
        return Chip("bad", "unknown")
    if stale:
        return Chip("warn", "stale")
    return (
        Chip("good", "current") if task.edges.bases else Chip("off", "no bases" if task.edges.found else "being read")
    )


def stale(edges: Sequence[EdgeState]) -> list[Edge]:
    """The edges whose base moved past what the task stands on, although it follows them."""
    return [edge(each) for each in edges if each.state == states.STALE]
