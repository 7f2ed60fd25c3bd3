"""Everything a use case may touch, in one value that wiring fills."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from baselift.app.ports import Blobs, Containers, Engine, Identities, Queues, Registries, Sources, Tables, Vault
from baselift.app.registrations import Registrations
from baselift.domain.builds import Credential

Document = Mapping[str, Any]

BUILDS = "builds"
"""Queue of runs to execute: ``registry run-id``."""
SCANS = "scans"
"""Queue of tasks whose source is to be read: ``registry task``."""


@dataclass(frozen=True, slots=True)
class World:
    """The world as a use case sees it."""

    tables: Tables
    queues: Queues
    blobs: Blobs
    registries: Registries
    sources: Sources
    vault: Vault
    identities: Identities
    engine: Callable[[], Engine]
    """The engine of this machine, probed on first use."""
    containers: Callable[[Mapping[str, Credential], Sequence[str]], AbstractAsyncContextManager[Containers]]
    """The containers of one run: credentials to pull with, and values that no log may show."""
    seal: Callable[[Document], dict[str, Any]]
    """The document with its secrets encrypted, as it is stored."""
    unseal: Callable[[Document], dict[str, Any]]
    """A stored document with its secrets in clear."""
    now: Callable[[], datetime]
    token: Callable[[], str]
    """A fresh random token."""
    scratch: Path
    """Directory for the working files of runs."""
    registrations: Registrations
    """The registries that this app serves."""
    lease: timedelta = timedelta(seconds=60)
    """How long a builder's claim holds without renewal."""
    poll: float = 1.0
    """Seconds between a builder's looks for a cancel, and between flushes of its log."""
    attempts: int = 5
    """Starts of one run before it is given up: a run that kills its builder must not do so for ever."""


class NotFound(Exception):
    """The thing asked for does not exist."""


class Refused(Exception):
    """The request is understood, and not possible in the present state."""
