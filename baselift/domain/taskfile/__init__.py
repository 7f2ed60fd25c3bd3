"""Task files: ACR's multi-step YAML (``1.0-preview-1``, ``v1.0.0``, ``v1.1.0``), read and planned; nothing runs.

The order for a caller: `alias_sources` and `alias_source` for each of them, `secrets_section`, `load`, `graph`, then a
`Schedule` that says what may start. Task files are hostile input: sizes, depths and what YAML aliases make are bounded.
"""

from baselift.domain.taskfile.aliases import source as alias_source
from baselift.domain.taskfile.build import BuildCommand, BuildSecret, build_command
from baselift.domain.taskfile.command import Command, command
from baselift.domain.taskfile.data import template_data
from baselift.domain.taskfile.errors import TaskFileError
from baselift.domain.taskfile.graph import Graph, graph
from baselift.domain.taskfile.load import load, read, secrets_section
from baselift.domain.taskfile.model import Kind, Mount, Network, Secret, Step, TaskFile, Volume
from baselift.domain.taskfile.quick import single_command
from baselift.domain.taskfile.rendering import alias_sources, rendering
from baselift.domain.taskfile.retries import PUSH_ATTEMPTS, Attempts, ErrorWatch, attempts, backoff
from baselift.domain.taskfile.schedule import Schedule, Status
from baselift.domain.taskfile.values import assignments, overlay, values
from baselift.domain.taskfile.writing import written

__all__ = [
    "PUSH_ATTEMPTS",
    "Attempts",
    "BuildCommand",
    "BuildSecret",
    "Command",
    "ErrorWatch",
    "Graph",
    "Kind",
    "Mount",
    "Network",
    "Schedule",
    "Secret",
    "Status",
    "Step",
    "TaskFile",
    "TaskFileError",
    "Volume",
    "alias_source",
    "alias_sources",
    "assignments",
    "attempts",
    "backoff",
    "build_command",
    "command",
    "graph",
    "load",
    "overlay",
    "read",
    "rendering",
    "secrets_section",
    "single_command",
    "template_data",
    "values",
    "written",
]
