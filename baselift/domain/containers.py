"""What a container of a `cmd` step is asked to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from baselift.domain.limits import LEAST_MEMORY, LEAST_PIDS, PIDS, Limits

__all__ = ["LEAST_MEMORY", "LEAST_PIDS", "PIDS", "ContainerOrder", "Limits"]


@dataclass(frozen=True, slots=True)
class ContainerOrder:
    """One container of a run."""

    image: str
    """Pinned ``registry/repository@digest``, or what `Containers.keep_image` returned."""
    name: str
    """The step's id: the host name by which the other steps know it."""
    command: Sequence[str]
    """Words after the image; none: the image's own CMD."""
    workspace: Path
    """Directory of this machine that is /workspace inside, shared by the run."""
    home: Path
    """Directory of this machine that is /acb/home and $HOME inside, shared by the run."""
    entrypoint: Sequence[str] | None = None
    """None: the image's own. As with ``docker run --entrypoint``, one of the step's own drops the image's CMD."""
    env: Mapping[str, str] | None = None
    user: str | None = None
    working_directory: str | None = None
    """Absolute; made if it is missing. None: the image's own."""
    volumes: Sequence[tuple[str, Path]] = ()
    """Absolute path inside -> directory of this machine, which can only be read inside."""
    hosts: Sequence[str] = ()
    """Names of other steps, all at the run's own 127.0.0.1."""
    network: Literal["run", "host", "none"] = "run"
    limits: Limits = field(default_factory=Limits)
