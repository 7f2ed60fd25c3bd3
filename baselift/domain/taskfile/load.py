"""From the text of a task file to its values, in the order of ACR's engine (semantics 2.1)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from baselift.domain.taskfile import environment, resources
from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.fields import Fields, is_null
from baselift.domain.taskfile.graph import graph
from baselift.domain.taskfile.model import DEFAULT_VERSION, STEP_TIMEOUT, VERSIONS, Secret, TaskFile
from baselift.domain.taskfile.nodes import Table, compose
from baselift.domain.taskfile.notes import notes, unknown
from baselift.domain.taskfile.rendering import NO_SOURCES, Render, Rendered, Sources, carry_out, rendering
from baselift.domain.taskfile.steps import Defaults, clean, steps

_SECRETS = "secrets"
_EMPTY = Table(1)
T = TypeVar("T")


def load(
    text: str,
    data: Mapping[str, Any],
    *,
    render: Render,
    sources: Sources = NO_SOURCES,
    env: Mapping[str, str] | None = None,
) -> TaskFile:
    """Read a task file. The graph of its steps is checked too.

    Args:
        text: the file, at most 1 MiB characters.
        data: for the template: ``Run``, ``Values``, ``Secrets`` and so on.
        render: `baselift.domain.templates.render`, or a partial of it.
        sources: for each address that `alias_sources` tells, what `alias_source` made of the text there.
        env: the runner's variables, over which those of task and steps win.

    Raises:
        TaskFileError: anything in the file is wrong.
    """
    return read(rendering(text, data, render=render, sources=sources), data, render=render, env=env)


def read(
    rendered: Rendered, data: Mapping[str, Any], *, render: Render, env: Mapping[str, str] | None = None
) -> TaskFile:
    """Read a task file that was rendered with this data, as `load` does.

    Raises:
        TaskFileError: anything in the file is wrong.
    """

    def image(command: str) -> str:
        replaced = rendered.aliases.image(command)
        return replaced if replaced == command else carry_out(render, replaced, data)

    return _read(rendered, lambda fields: _task(fields, env or {}, rendered.notes, image))


def secrets_section(
    text: str, data: Mapping[str, Any], *, render: Render, sources: Sources = NO_SOURCES
) -> tuple[Secret, ...]:
    """The secrets that a task file declares, to be fetched before `load`: a first rendering with none of them known.

    Args:
        text: as for `load`.
        data: as for `load`; its ``Secrets`` are not looked at.
        render: as for `load`.
        sources: as for `load`.

    Raises:
        TaskFileError: the file cannot be rendered or is no YAML, or its secrets are wrong.
    """
    if _SECRETS not in text:
        return ()
    rendered = rendering(text, {**data, "Secrets": {}}, render=render, sources=sources)
    return _read(rendered, resources.secrets)


def _read(rendered: Rendered, read: Callable[[Fields], T]) -> T:
    """What `read` makes of the rendered YAML; an empty document is a mapping of nothing."""
    try:
        root = compose(rendered.text, rendered.lines)
        fields = Fields(_EMPTY if root is None or is_null(root) else root, "")
        return read(fields)
    except TaskFileError as error:
        error.rendered = not rendered.exact
        raise


def _task(
    fields: Fields, runner_env: Mapping[str, str], told: tuple[str, ...], image: Callable[[str], str]
) -> TaskFile:
    networks, volumes = resources.networks(fields), resources.volumes(fields)
    timeout = fields.integer("stepTimeout")
    defaults = Defaults(
        timeout=timeout if timeout > 0 else STEP_TIMEOUT,
        working_directory=fields.text("workingDirectory"),
        env=environment.inherit(environment.task_env(fields), runner_env),
        network=resources.default_network(networks),
        volumes=frozenset(volume.name for volume in volumes),
        image=image,
    )
    task = TaskFile(
        version=_version(fields),
        steps=steps(fields, defaults),
        networks=networks,
        volumes=volumes,
        secrets=resources.secrets(fields),
        step_timeout=defaults.timeout,
        working_directory=clean(defaults.working_directory),
        env=defaults.env,
    )
    graph(task)
    return replace(task, notes=(*told, *unknown(fields), *notes(task)))


def _version(fields: Fields) -> str:
    version = fields.text("version") or DEFAULT_VERSION
    if version.lower() not in VERSIONS:
        known = ", ".join(VERSIONS)
        raise fields.fail("version", f"is {shown(version)}; known are {known}, and {DEFAULT_VERSION} is current")
    return version.lower()
