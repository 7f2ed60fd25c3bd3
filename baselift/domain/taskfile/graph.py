"""Which step waits for which: the ``when`` graph (semantics 1.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.model import Step, TaskFile

_NONE = "-"
_ROOT = "acb_root"


@dataclass(frozen=True, slots=True)
class Graph:
    """Steps in file order, each with the steps it waits for, which all come before it."""

    parents: Mapping[str, tuple[str, ...]]
    """Step id -> ids, each once."""
    ignoring: frozenset[str] = field(default_factory=frozenset)
    """Steps with ignoreErrors: their failure is a success."""

    @property
    def roots(self) -> tuple[str, ...]:
        """Steps that wait for nothing."""
        return tuple(step for step, parents in self.parents.items() if not parents)

    def children(self, step: str) -> tuple[str, ...]:
        """Steps that wait for `step`."""
        return tuple(child for child, parents in self.parents.items() if step in parents)


def graph(task: TaskFile) -> Graph:
    """The graph of a task's steps. There can be no cycle: a step can only name earlier ones.

    Raises:
        TaskFileError: two steps have one id, or a `when` names itself, a later or an unknown step, or mixes ``-``.
    """
    parents: dict[str, tuple[str, ...]] = {}
    lines: dict[str, int] = {}
    previous: tuple[str, ...] = ()
    for step in task.steps:
        if step.id in lines:
            raise _wrong(step, f"id {shown(step.id)} is already that of the step in line {lines[step.id]}")
        parents[step.id] = _parents(step, previous, parents)
        lines[step.id] = step.line
        previous = (step.id,)
    return Graph(parents, frozenset(step.id for step in task.steps if step.ignore_errors))


def _parents(step: Step, previous: tuple[str, ...], earlier: Mapping[str, object]) -> tuple[str, ...]:
    if not step.when:
        return previous
    if _NONE in step.when:
        if len(step.when) > 1:
            raise _wrong(step, "when has '-' and more; '-' stands alone, for a step that waits for nothing")
        return ()
    named = tuple(name for name in dict.fromkeys(step.when) if name != _ROOT)
    for name in named:
        _check(step, name, earlier)
    return named


def _check(step: Step, name: str, earlier: Mapping[str, object]) -> None:
    if not name:
        raise _wrong(step, "when has an empty item; it takes ids of earlier steps, or '-' alone")
    if name == step.id:
        raise _wrong(step, "when names the step itself")
    if name not in earlier:
        known = ", ".join(list(earlier)[:20]) or "none"
        raise _wrong(step, f"when names {shown(name)}, which is no earlier step; earlier steps are: {known}")


def _wrong(step: Step, message: str) -> TaskFileError:
    return TaskFileError(message, line=step.line, where=f"step {shown(step.id)}")
