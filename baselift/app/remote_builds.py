"""Build agents of a registry elsewhere, as the use cases need them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from baselift.domain.runs import ImageDescriptor, Status


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """A registry with build agents of its own."""

    group: str
    """Resource group."""
    name: str


@dataclass(frozen=True, slots=True)
class RemoteState:
    """How a run is that a registry's agents carry out."""

    status: Status
    outputs: Sequence[ImageDescriptor] = ()
    error: str | None = None


class RemoteBuilds(Protocol):
    """Agents elsewhere that build. Each raises Failure for what stays so, and Busy for what may pass."""

    async def upload(self, place: RemotePlace, archive: Path) -> str:
        """Upload a source as tar.gz; the path under which a run request names it."""
        ...

    async def schedule(self, place: RemotePlace, key: str, request: Mapping[str, Any]) -> str:
        """Schedule a run and return its id; the same key with the same request gives the same run."""
        ...

    async def look(self, place: RemotePlace, run: str) -> RemoteState: ...

    async def log(self, place: RemotePlace, run: str, offset: int) -> tuple[bytes, bool]:
        """A piece of the log from `offset` on, and True when the log is complete and ends with it."""
        ...

    async def cancel(self, place: RemotePlace, run: str) -> None:
        """Ask for the run's end; one that is over already stays as it is."""
        ...
