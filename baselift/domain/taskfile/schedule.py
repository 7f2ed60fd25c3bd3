"""What may run next: step statuses and how they change (semantics 1.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from baselift.domain.taskfile.graph import Graph


class Status(StrEnum):
    """Status of a step, spelled as ACR spells it."""

    SKIPPED = "skipped"
    """Not started: so all steps begin, and so they stay after a failure elsewhere."""
    IN_PROGRESS = "inprogress"
    """Running; after the run's end: killed because another step failed."""
    SUCCESSFUL = "successful"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Schedule:
    """How far a run's steps are. The first failure ends the run: nothing more is ready."""

    graph: Graph
    statuses: Mapping[str, Status] = field(default_factory=dict)
    """Statuses of steps that were started; `status` knows all."""

    def status(self, step: str) -> Status:
        """The status of a step."""
        return self.statuses.get(step, Status.SKIPPED)

    @property
    def failed(self) -> str | None:
        """The step that failed and so ended the run; None while none has."""
        return next((step for step, status in self.statuses.items() if status is Status.FAILED), None)

    @property
    def running(self) -> tuple[str, ...]:
        """Steps that are in progress: to be killed when a step has failed."""
        return tuple(step for step in self.graph.parents if self.status(step) is Status.IN_PROGRESS)

    @property
    def ready(self) -> tuple[str, ...]:
        """Steps that may start now, all at once, in file order."""
        if self.failed is not None:
            return ()
        return tuple(step for step in self.graph.parents if self._may_start(step))

    @property
    def over(self) -> bool:
        """True when no step runs and none may start, or one has failed."""
        return self.failed is not None or not (self.running or self.ready)

    def started(self, step: str) -> "Schedule":
        """The schedule after a ready step was started.

        Raises:
            ValueError: the step is not ready.
        """
        if step not in self.graph.parents or self.failed is not None or not self._may_start(step):
            raise ValueError(f"step {step!r} is not ready")
        return self._with(step, Status.IN_PROGRESS)

    def ended(self, step: str, *, success: bool) -> "Schedule":
        """The schedule after a running step ended; a detached one ends when its container is launched.

        Raises:
            ValueError: the step is not running.
        """
        if self.status(step) is not Status.IN_PROGRESS:
            raise ValueError(f"step {step!r} is not running")
        good = success or step in self.graph.ignoring
        return self._with(step, Status.SUCCESSFUL if good else Status.FAILED)

    def all(self) -> dict[str, Status]:
        """The status of every step, in file order."""
        return {step: self.status(step) for step in self.graph.parents}

    def _may_start(self, step: str) -> bool:
        parents = self.graph.parents[step]
        return step not in self.statuses and all(self.status(parent) is Status.SUCCESSFUL for parent in parents)

    def _with(self, step: str, status: Status) -> "Schedule":
        return replace(self, statuses={**self.statuses, step: status})
