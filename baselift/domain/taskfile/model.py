"""A task file as values: every property of ACR's task YAML, defaults applied (semantics 1.2, 1.3, 1.5 and 1.6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from baselift.domain.taskfile.build import BuildCommand
from baselift.domain.taskfile.command import Command

WORKSPACE = "/workspace"
DEFAULT_NETWORK = "acb_default_network"
VERSIONS = ("1.0-preview-1", "v1.0.0", "v1.1.0")
DEFAULT_VERSION = "v1.0.0"
STEP_TIMEOUT = 600
RETRY_DELAY = 5


class Kind(StrEnum):
    """What a step does."""

    BUILD = "build"
    PUSH = "push"
    CMD = "cmd"


@dataclass(frozen=True, slots=True)
class Network:
    """A network that the run's containers can join. `external` (skipCreation) is neither made nor removed."""

    name: str
    driver: str = ""
    ipv6: bool = False
    external: bool = False
    default: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is read from Key Vault before the run and known to templates as ``.Secrets.<id>``."""

    id: str
    keyvault: str
    """URL of the secret."""
    client_id: str = ""
    """Of the identity that reads it; empty for the task's own."""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Volume:
    """Files that steps can mount. `files` are names and contents, byte for byte."""

    name: str
    files: Mapping[str, bytes] = field(repr=False)
    line: int = 0


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume in a container. `path` is absolute and clean."""

    volume: str
    path: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Properties that have no effect on its kind hold their defaults."""

    id: str
    kind: Kind
    index: int
    """Place in the file, from 0."""
    line: int
    text: str = ""
    """The text of ``build`` or ``cmd``."""
    build: BuildCommand | None = None
    command: Command | None = None
    images: tuple[str, ...] = ()
    """Of ``push``: tagged, each once."""
    when: tuple[str, ...] = ()
    """As written; `graph` makes parents of it."""
    working_directory: str | None = None
    """Absolute and clean; None for the image's own."""
    entry_point: str = ""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The step's own variables, then inherited ones."""
    user: str = ""
    network: str | None = None
    """None for no network option at all."""
    isolation: str = ""
    cpus: str = ""
    ports: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    privileged: bool = False
    keep: bool = False
    detach: bool = False
    pull: bool = False
    pull_retries: int = 0
    pull_retry_delay: int = 0
    mounts: tuple[Mount, ...] = ()
    timeout: int = STEP_TIMEOUT
    """Seconds over all repetitions and retries; `start_delay` and `pull` come before."""
    start_delay: int = 0
    retries: int = 0
    retry_delay: int = RETRY_DELAY
    retry_on_errors: tuple[str, ...] = ()
    repeat: int = 0
    ignore_errors: bool = False
    cache: bool | None = None
    """Whether a build uses and keeps layers; None where the task decides."""
    exited_with: tuple[int, ...] = ()
    """Kept, but ACR's engine never looks at it; neither do we."""
    exited_without: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskFile:
    """A task file. An empty one has no steps and succeeds at once."""

    version: str = DEFAULT_VERSION
    steps: tuple[Step, ...] = ()
    networks: tuple[Network, ...] = ()
    """Those declared, else the default bridge."""
    volumes: tuple[Volume, ...] = ()
    secrets: tuple[Secret, ...] = ()
    step_timeout: int = STEP_TIMEOUT
    working_directory: str = WORKSPACE
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The task's variables, then the runner's."""
    notes: tuple[str, ...] = ()
    """What people should be told in the run's log."""
