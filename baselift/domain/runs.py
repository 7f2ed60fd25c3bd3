"""A run: one execution of a task or of an ad hoc request. States, transitions, identity.

States are spelled as ACR spells them (API 2025-03-01-preview, RunStatus).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_LONGEST = 6
"""Base-36 digits: two thousand million runs of one registry."""


class Status(StrEnum):
    """RunStatus. A run is over in the last five."""

    QUEUED = "Queued"
    STARTED = "Started"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"
    ERROR = "Error"
    TIMEOUT = "Timeout"

    @property
    def final(self) -> bool:
        """True when the run is over."""
        return self not in (Status.QUEUED, Status.STARTED, Status.RUNNING)


LOG_OUTCOME = {
    Status.SUCCEEDED: "successful",
    Status.FAILED: "failed",
    Status.CANCELED: "canceled",
    Status.ERROR: "internalerror",
    Status.TIMEOUT: "timedout",
}
"""Value of the log blob's `complete` metadata, which decides the exit code of `az acr build`."""


@dataclass(frozen=True, slots=True)
class ImageDescriptor:
    """registry, repository, tag and digest of an image that was built or that moved."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def reference(self) -> str:
        """registry/repository[:tag], as in a Dockerfile."""
        return f"{self.registry}/{self.repository}" + (f":{self.tag}" if self.tag else "")


@dataclass(frozen=True, slots=True)
class BaseUse:
    """One base image as a run used it."""

    kind: str
    """`Runtime` (final stage) or `Buildtime`."""
    image: ImageDescriptor
    """The tag's digest (of the index, where it is one) when the run pinned it."""
    generation: int = 0
    """The base's generation when the run pinned it; 0 when nothing watched it."""
    pinned: bool = False
    """True when the Dockerfile itself names a digest: such a base cannot move."""
    platform: str = ""
    """Platform that was built, as OCI writes it."""
    manifest: str = ""
    """Digest of the base's manifest for that platform; the image's digest where it is no index."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a run exists. With the task's name it makes the run key: the same cause never makes a second run."""

    kind: str
    """`request`, `image`, `timer` or `source`."""
    key: str
    """Request id, base and generation, occurrence, or commit."""
    at: str = ""
    """RFC 3339 time of the cause."""
    images: Sequence[ImageDescriptor] = ()
    """For `image`: the bases that moved, at their new digests."""
    details: Mapping[str, str] = field(default_factory=dict)
    """For `timer` and `source`: the trigger descriptor's fields."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A run of a registry's own agents that carries out a run of ours."""

    request: Mapping[str, Any]
    """What was asked of the agents, secrets sealed: asking again must be asking the same."""
    id: str = ""
    """The agents' run; empty while it is not known whether it was scheduled."""
    due: datetime | None = None
    """When it is looked at next."""
    read: int = 0
    """Bytes of its log that ours had, when ours had `written`."""
    written: int = 0
    over: datetime | None = None
    """When it was first seen to be over."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as stored. Times are UTC."""

    registry: str
    """Name of the registry resource."""
    seq: int
    id: str
    cause: Cause
    request: Mapping[str, Any]
    """What to build: a run request in the API's shape, the task's step merged in, secrets sealed."""
    created: datetime
    run_type: str
    """QuickBuild, QuickRun, AutoBuild or AutoRun."""
    status: Status = Status.QUEUED
    task: str | None = None
    updated: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    timeout: int = 3600
    """Seconds from the first start to the end, over all attempts."""
    attempt: int = 0
    owner: str = ""
    """Token of the builder that holds the lease."""
    lease_until: datetime | None = None
    cancel_requested: bool = False
    outputs: Sequence[ImageDescriptor] = ()
    bases: Sequence[BaseUse] = ()
    commit: str | None = None
    fingerprint: str | None = None
    """What was built: digest over source, arguments, platform and base digests."""
    error: str | None = None
    archived: bool = False
    agent_pool: str | None = None
    remote: Remote | None = None
    """Where a registry's agents carry the run out."""
    own_tags: Sequence[str] = ()
    """References that it puts, or put, and that have its id in their tag: see `baselift.domain.own_tags`."""
    trace: str = ""
    """Place in a trace that caused it, as a W3C `traceparent`; empty where nobody traces."""

    @property
    def trigger_id(self) -> str:
        """A GUID of the cause: every run of one cause in a registry has the same."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.registry.lower()}/{self.cause.kind}/{self.cause.key}"))

    def leased(self, now: datetime) -> bool:
        """True while a live builder holds the run."""
        return not self.status.final and self.lease_until is not None and now < self.lease_until

    def deadline(self) -> datetime | None:
        """When the run must be over; None before its first start."""
        return None if self.started is None else self.started + timedelta(seconds=self.timeout)

    def claimed(self, owner: str, now: datetime, lease: timedelta) -> "Run":
        """The run in the hands of a builder: its first start is kept over all attempts."""
        return replace(
            self,
            status=Status.RUNNING,
            owner=owner,
            attempt=self.attempt + 1,
            started=self.started or now,
            updated=now,
            lease_until=now + lease,
        )

    def ended(self, status: Status, now: datetime, error: str | None = None) -> "Run":
        """The run in a final state, without a lease."""
        return replace(self, status=status, finished=now, updated=now, error=error, owner="", lease_until=None)


def run_id(prefix: str, seq: int) -> str:
    """A run id: two letters and the sequence number in base 36, for example ``da6``. Valid as an image tag."""
    digits = ""
    while seq:
        seq, digit = divmod(seq, 36)
        digits = _DIGITS[digit] + digits
    return prefix + (digits or "0")


def sequence(run: str) -> int | None:
    """The sequence number in a run id; None when the text cannot be one."""
    digits = run[2:].lower()
    if not run[:2].isalpha() or not digits or any(d not in _DIGITS for d in digits) or len(digits) > _LONGEST:
        return None
    return int(digits, 36)
