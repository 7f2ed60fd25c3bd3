"""Everything a use case may touch, in one value that wiring fills."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from baselift.app.looks import Looks
from baselift.app.notifications.targets import Targets
from baselift.app.numbers import Numbers
from baselift.app.ports import (
    Blobs,
    Containers,
    Engine,
    Identities,
    Post,
    Queues,
    Registries,
    Sources,
    Tables,
    Vault,
)
from baselift.app.registrations import Registrations
from baselift.app.remote_builds import RemoteBuilds
from baselift.app.telemetry import Telemetry
from baselift.domain import notifications
from baselift.domain.builds import Credential
from baselift.domain.waves.states import Policy

Document = Mapping[str, Any]

BUILDS = "builds"
"""Queue of runs to execute: ``registry run-id``."""
SCANS = "scans"
"""Queue of tasks whose source is to be read: ``registry task``."""
WAVES = "waves"
"""Queue of wave members to go on with: ``plan number``."""
LOOKS = "looks"
"""Queue of images to look at, at once or when a base's settle window ends: ``image who-told-first``.

Where somebody listens, ``trace=…`` follows: the place in a trace that told of it.
"""
NOTICES = "notices"
"""Queue of events to send to people's own systems: ``registry target key``."""


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
    numbers: Numbers = field(default_factory=Numbers)
    """Numbers of runs."""
    looks: Looks = field(default_factory=Looks)
    """Looks at pushed images that are under way in this process."""
    patience: timedelta = timedelta(seconds=0.5)
    """How long a sender waits for what follows from a push before it is answered without."""
    lease: timedelta = timedelta(seconds=60)
    """How long a builder's claim holds without renewal."""
    poll: float = 1.0
    """Seconds between a builder's looks for a cancel, and between flushes of its log."""
    source_poll: timedelta = timedelta(seconds=60)
    """How often a branch is looked at that a source trigger follows and no webhook tells of."""
    settle: timedelta = timedelta(seconds=20)
    """How long the pushes of one multi-arch update are waited for; 0 decides about each at once."""
    periods: Mapping[str, float] = field(default_factory=dict)
    """Seconds between two looks at a base, by ``host[:port]`` or host; under no name for every other registry."""
    round: timedelta = timedelta(seconds=60)
    """How long one round of the reconciler looks at bases: the next one goes on where it stopped."""
    window: int = 200
    """Messages that the build queue holds at most; further runs wait in tables. 0: any number."""
    retention: timedelta = timedelta(days=30)
    """How long runs and waves that are over, logs and reasons are kept; archived runs for ever. 0 keeps all."""
    waves: Policy = field(default_factory=Policy)
    """How waves are carried out."""
    telemetry: Telemetry = field(default_factory=Telemetry)
    """Where it is told what happens; nowhere unless settings say otherwise."""
    targets: Targets = field(default_factory=Targets)
    """Who is told of what happens."""
    post: Post | None = None
    """Sends what they are told."""
    notify_pauses: Sequence[float] = notifications.PAUSES
    """Seconds between the attempts to send one event."""
    remote: RemoteBuilds | None = None
    """Agents elsewhere that carry out every run; None where this machine's engine does."""
    remote_poll: timedelta = timedelta(seconds=5)
    """Between two looks at a run that agents elsewhere carry out."""
    attempts: int = 5
    """Starts of one run before it is given up: a run that kills its builder must not do so for ever."""


class NotFound(Exception):
    """The thing asked for does not exist."""


class Refused(Exception):
    """The request is understood, and not possible in the present state."""
