"""Conditions on runs: what a `$filter` means, and what it says about the index to read."""

from dataclasses import dataclass
from typing import Protocol

from baselift.arm.run_fields import FIELDS, Value, compare
from baselift.domain.runs import Run, Status


class Filter(Protocol):
    """A condition on runs; the hints say what every match must have, to choose an index by."""

    @property
    def task(self) -> str | None:
        """The task's name, in lower case."""
        ...

    @property
    def statuses(self) -> frozenset[Status] | None:
        """The states it can be in; None for any."""
        ...

    def matches(self, run: Run) -> bool: ...


@dataclass(frozen=True, slots=True)
class Everything:
    """No condition."""

    task: str | None = None
    statuses: frozenset[Status] | None = None

    def matches(self, run: Run) -> bool:  # noqa: ARG002
        return True


@dataclass(frozen=True, slots=True)
class Comparison:
    """``Status eq 'Failed'``; names of properties and texts are compared without case."""

    field: str
    operator: str
    value: Value

    @property
    def task(self) -> str | None:
        """See `Filter`."""
        return self.value if self._is("taskname") and isinstance(self.value, str) else None

    @property
    def statuses(self) -> frozenset[Status] | None:
        """See `Filter`."""
        return frozenset(s for s in Status if s.lower() == self.value) if self._is("status") else None

    def _is(self, field: str) -> bool:
        return self.field == field and self.operator == "eq"

    def matches(self, run: Run) -> bool:
        return compare(self.operator, FIELDS[self.field].get(run), self.value)


@dataclass(frozen=True, slots=True)
class Both:
    """``left and right``."""

    left: Filter
    right: Filter

    @property
    def task(self) -> str | None:
        """See `Filter`."""
        return self.left.task or self.right.task

    @property
    def statuses(self) -> frozenset[Status] | None:
        """See `Filter`."""
        if self.left.statuses is None or self.right.statuses is None:
            return self.left.statuses if self.right.statuses is None else self.right.statuses
        return self.left.statuses & self.right.statuses

    def matches(self, run: Run) -> bool:
        return self.left.matches(run) and self.right.matches(run)


@dataclass(frozen=True, slots=True)
class Either:
    """``left or right``."""

    left: Filter
    right: Filter

    @property
    def task(self) -> str | None:
        """See `Filter`."""
        return self.left.task if self.left.task == self.right.task else None

    @property
    def statuses(self) -> frozenset[Status] | None:
        """See `Filter`."""
        if self.left.statuses is None or self.right.statuses is None:
            return None
        return self.left.statuses | self.right.statuses

    def matches(self, run: Run) -> bool:
        return self.left.matches(run) or self.right.matches(run)


def balanced(kind: type[Both] | type[Either], terms: list[Filter]) -> Filter:
    """The terms joined into one tree of low depth, however long the chain."""
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=False)
        terms = [kind(left, right) for left, right in pairs] + (terms[-1:] if len(terms) % 2 else [])
    return terms[0]
