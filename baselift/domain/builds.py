"""What an engine is asked to build, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from baselift.domain.failures import Failure
from baselift.domain.limits import Limits

__all__ = [
    "Argument",
    "BuildOrder",
    "BuildSecret",
    "Credential",
    "Failure",
    "Image",
    "Layer",
    "Limits",
    "Source",
]


@dataclass(frozen=True, slots=True)
class Argument:
    """A build argument. A secret one must not reach logs, argv, history or layers."""

    name: str
    value: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class BuildSecret:
    """What ``RUN --mount=type=secret,id=…`` finds in a file: never in logs, argv, history or layers."""

    id: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A fetched build context on local disk."""

    root: Path
    """Directory that the build sees."""
    commit: str | None
    """Full commit id, for git."""
    epoch: int
    """Seconds since 1970: of the commit, or of the newest file. Makes builds reproducible."""
    around: Path | None = None
    """Directory around `root` in which the Dockerfile may be too: the workspace that a step's context is a part of."""


@dataclass(frozen=True, slots=True)
class Credential:
    """User and password for one registry host."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """One Dockerfile build with every base pinned."""

    source: Source
    dockerfile: str
    """Path relative to the source root; out of it only where the source has something `around` it."""
    bases: Mapping[str, str]
    """Base reference as it is after expansion in the Dockerfile -> ``registry/repository@digest`` to use."""
    base_name: str | None
    """Reference of the final stage's base, for the annotation org.opencontainers.image.base.name; None for scratch."""
    base_digest: str | None
    """Digest of that base's platform manifest, for org.opencontainers.image.base.digest."""
    base_layers: Sequence[str] = ()
    """diff_ids of that base's layers which need no file: whoever publishes the image takes them from the base."""
    platform: str = "linux/amd64"
    target: str | None = None
    arguments: Sequence[Argument] = ()
    secrets: Sequence[BuildSecret] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Put on the image last."""
    limits: Limits = field(default_factory=Limits)
    no_cache: bool = False
    """Use no layers, and forget what is kept."""
    layers: str = ""
    """Whose layers may be used, and kept for later builds of the same; empty: every step is done."""
    reproducible: bool = True
    """Stamp files and history with the source's epoch."""
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    """Registry host -> credential for pulling."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a built image, uncompressed on disk or left in the base image's repository."""

    diff_id: str
    """Digest of the uncompressed tar: the identity of a layer whatever its compression."""
    tar: Path | None
    """None for a layer that `BuildOrder.base_layers` names."""


@dataclass(frozen=True, slots=True)
class Image:
    """A built image, not yet in any registry. Its files live until the run's scratch directory goes."""

    config: bytes
    """OCI image config, application/vnd.oci.image.config.v1+json."""
    layers: Sequence[Layer]
    annotations: Mapping[str, str]
    """For the manifest."""
