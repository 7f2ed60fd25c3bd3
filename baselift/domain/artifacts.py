"""OCI artifacts as build contexts: what their layers are, once they were downloaded."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Part:
    """One layer of an artifact, as its registry has it."""

    file: Path
    title: str
    """The name that it goes by (annotation org.opencontainers.image.title); empty where it has none."""
    archive: bool
    """True for a tar archive of files, False for a file itself."""
