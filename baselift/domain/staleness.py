"""Decide whether a dependent is rebuilt because its base moved. No I/O: the verdict is a value, with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselift.domain import tasks
from baselift.domain.images import Reference


@dataclass(frozen=True, slots=True)
class Base:
    """A watched tag: where it is, and how often it moved."""

    image: Reference
    digest: str
    generation: int
    """Counts movements. A tag may go A, B, A: the digest alone would hide two of them."""


@dataclass(frozen=True, slots=True)
class Dependent:
    """An edge from a task to a base."""

    registry: str
    task: str
    kind: str
    """`Runtime` or `Buildtime`."""
    digest: str
    """The base's digest when the task was scanned, last built, or last asked to build."""
    generation: int
    """The base's generation at that time."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Rebuild or not, and why: `rule` is a closed set, `text` is for people."""

    fire: bool
    rule: str
    text: str


def verdict(task: Mapping[str, Any], edge: Dependent, base: Base, outputs: Sequence[Reference]) -> Verdict:
    """Whether `base` being where it is now rebuilds the task behind `edge`."""
    if base.generation <= edge.generation or base.digest == edge.digest:
        return _no("current", f"already built or asked to build on {base.digest}")
    if not tasks.enabled(task):
        return _no("task-disabled", "the task is disabled")
    return _by_trigger(tasks.base_trigger(task), edge, base, outputs)


def _by_trigger(trigger: tasks.BaseTrigger, edge: Dependent, base: Base, outputs: Sequence[Reference]) -> Verdict:
    if not trigger.on:
        return _no("trigger-disabled", "the task has no enabled base image trigger")
    if not trigger.covers(edge.kind):
        return _no("untracked", f"a {edge.kind} base is rebuilt only by a trigger of type All")
    if base.image in outputs:
        return _no("own-output", f"{base.image} is what the task itself pushes: it would rebuild for ever")
    return Verdict(fire=True, rule="moved", text=f"{base.image} moved from {edge.digest} to {base.digest}")


def _no(rule: str, text: str) -> Verdict:
    return Verdict(fire=False, rule=rule, text=text)
