"""Properties of a run that a list can be filtered by, and how their values compare."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from baselift.domain.runs import Run, Status, sequence

Value = str | int | bool | datetime | tuple[str, ...] | None
"""Texts are in lower case; a tuple holds one text for each spelling of each image."""
_RUN_TYPES = ("QuickBuild", "QuickRun", "AutoBuild", "AutoRun")


@dataclass(frozen=True, slots=True)
class Property:
    """A property: its name, its value in a run, and how a literal of the filter is read."""

    name: str
    get: Callable[[Run], Value]
    read: Callable[[str, str], Value]
    """Takes the literal and its kind (text, time, word). Raises ValueError with what would be right."""
    text: bool = True


def compare(operator: str, found: Value, wanted: Value) -> bool:
    """True when the run's value stands in this relation to the literal. Only eq and ne know null."""
    if operator == "contains":
        return wanted in found if isinstance(found, tuple) else str(wanted) in str(found or "")
    if operator in ("eq", "ne"):
        equal = wanted in found if isinstance(found, tuple) else found == wanted
        return equal == (operator == "eq")
    return _ordered(operator, found, wanted)


def _ordered(operator: str, found: Value, wanted: Value) -> bool:
    if isinstance(found, datetime) and isinstance(wanted, datetime):
        sign = (found > wanted) - (found < wanted)
    elif isinstance(found, str) and isinstance(wanted, str):
        left, right = _sortable(found), _sortable(wanted)
        sign = (left > right) - (left < right)
    else:
        return False
    return {"gt": sign > 0, "ge": sign >= 0, "lt": sign < 0, "le": sign <= 0}[operator]


def _sortable(text: str) -> tuple[int, str]:
    """Run ids in the order they were given; every other text by its letters."""
    return (len(text) if sequence(text) is not None else 0, text)


def _any_text(literal: str, kind: str) -> str:
    if kind != "text":
        raise ValueError("a text in single quotes")
    return literal.lower()


def _one_of(words: tuple[str, ...]) -> Callable[[str, str], Value]:
    def read(literal: str, kind: str) -> str:
        if kind != "text" or literal.lower() not in (word.lower() for word in words):
            raise ValueError(" or ".join(f"'{word}'" for word in words))
        return literal.lower()

    return read


def _time(literal: str, kind: str) -> datetime:  # noqa: ARG001
    try:
        time = datetime.fromisoformat(literal)
    except ValueError:
        raise ValueError("a time such as 2026-11-24T21:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _flag(literal: str, kind: str) -> bool:  # noqa: ARG001
    if literal.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return literal.lower() == "true"


def _manifests(run: Run) -> tuple[str, ...]:
    pushed = [image for image in run.outputs if image.digest]
    short = [f"{image.repository}@{image.digest}".lower() for image in pushed]
    return (*short, *(f"{image.registry}/{image.repository}@{image.digest}".lower() for image in pushed))


_ALL = (
    Property("RunId", lambda run: run.id.lower(), _any_text),
    Property("RunType", lambda run: run.run_type.lower(), _one_of(_RUN_TYPES)),
    Property("Status", lambda run: run.status.lower(), _one_of(tuple(Status))),
    Property("CreateTime", lambda run: run.created, _time, text=False),
    Property("FinishTime", lambda run: run.finished, _time, text=False),
    Property("OutputImageManifests", _manifests, _any_text),
    Property("IsArchiveEnabled", lambda run: run.archived, _flag, text=False),
    Property("TaskName", lambda run: run.task and run.task.lower(), _any_text),
    Property("AgentPoolName", lambda run: run.agent_pool and run.agent_pool.lower(), _any_text),
)
FIELDS: Mapping[str, Property] = {field.name.lower(): field for field in _ALL}
"""By name in lower case."""
