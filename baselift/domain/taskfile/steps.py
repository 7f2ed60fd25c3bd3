"""The steps of a task file: every property read, checked and defaulted (semantics 1.3, 1.7 and 1.8)."""

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from baselift.domain.taskfile import environment
from baselift.domain.taskfile.build import build_command, push_list
from baselift.domain.taskfile.command import command
from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.fields import Fields
from baselift.domain.taskfile.model import RETRY_DELAY, WORKSPACE, Kind, Mount, Step
from baselift.domain.taskfile.runflags import cpus, with_flags

ROOT = "acb_root"
MAX_STEPS = 1000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_ALL = frozenset(Kind)
_RUNS = frozenset({Kind.CMD, Kind.BUILD})
_CMD = frozenset({Kind.CMD})


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a step takes from its task."""

    timeout: int
    working_directory: str
    """As written; empty for the workspace."""
    env: Mapping[str, str]
    network: str | None
    volumes: frozenset[str]
    """Names of declared volumes."""
    image: Callable[[str], str]
    """Replaces an alias that is the first word of a ``cmd``."""


@dataclass(frozen=True, slots=True)
class _Property:
    """A property that is read as it stands, and dropped from kinds of steps on which it has no effect."""

    attribute: str
    key: str
    read: Callable[[Fields, str], Any]
    kinds: frozenset[Kind]


PROPERTIES = (
    _Property("when", "when", Fields.texts, _ALL),
    _Property("entry_point", "entryPoint", Fields.text, _CMD),
    _Property("user", "user", Fields.text, _RUNS),
    _Property("isolation", "isolation", Fields.text, _RUNS),
    _Property("cpus", "cpus", Fields.text, _RUNS),
    _Property("ports", "ports", Fields.texts, _RUNS),
    _Property("expose", "expose", Fields.texts, _RUNS),
    _Property("privileged", "privileged", Fields.boolean, _RUNS),
    _Property("keep", "keep", Fields.boolean, _RUNS),
    _Property("detach", "detach", Fields.boolean, _RUNS),
    _Property("pull", "pull", Fields.boolean, _CMD),
    _Property("pull_retries", "cmdDownloadRetries", Fields.integer, _CMD),
    _Property("pull_retry_delay", "cmdDownloadRetryDelay", Fields.integer, _CMD),
    _Property("start_delay", "startDelay", Fields.integer, _ALL),
    _Property("retries", "retries", Fields.integer, _RUNS),
    _Property("retry_on_errors", "retryOnErrors", Fields.texts, _RUNS),
    _Property("repeat", "repeat", Fields.integer, _RUNS),
    _Property("ignore_errors", "ignoreErrors", Fields.boolean, _ALL),
    _Property("exited_with", "exitedWith", Fields.integers, _ALL),
    _Property("exited_without", "exitedWithout", Fields.integers, _ALL),
)
_NOT_NEGATIVE = ("retries", "repeat", "cmdDownloadRetries")


def steps(task: Fields, defaults: Defaults) -> tuple[Step, ...]:
    """Read all steps of a task.

    Raises:
        TaskFileError: there are too many, or one is wrong.
    """
    given = task.mappings("steps", "steps")
    if len(given) > MAX_STEPS:
        raise task.fail("steps", f"has {len(given)} items; at most {MAX_STEPS} are allowed")
    return tuple(step(fields, index, defaults) for index, fields in enumerate(given))


def step(fields: Fields, index: int, defaults: Defaults) -> Step:
    """Read one step.

    Args:
        fields: the step's mapping; messages name its id from here on.
        index: its place in the file, from 0.
        defaults: what it inherits.

    Raises:
        TaskFileError: a property has a wrong type or value, or the step's text cannot be understood.
    """
    identity = _identity(fields, index)
    kind = _kind(fields)
    _check(fields)
    mounts = _mounts(fields, kind, defaults)
    plain = {p.attribute: p.read(fields, p.key) for p in PROPERTIES}
    kept = {p.attribute: plain[p.attribute] for p in PROPERTIES if kind in p.kinds}
    kept["start_delay"] = max(kept["start_delay"], 0)
    own_env = environment.step_env(fields)
    made = Step(
        id=identity,
        kind=kind,
        index=index,
        line=fields.line,
        timeout=_positive(fields.integer("timeout"), defaults.timeout),
        retry_delay=_positive(fields.integer("retryDelay"), RETRY_DELAY),
        cache=_cache(fields, kind),
        working_directory=_working_directory(fields, kind, defaults),
        network=_network(fields, kind, defaults),
        env=environment.inherit(own_env, defaults.env) if kind in _RUNS else {},
        mounts=mounts,
        **kept,
    )
    return _with_text(made, fields, defaults)


def _identity(fields: Fields, index: int) -> str:
    identity = fields.text("id") or f"acb_step_{index}"
    fields.where = f"step {shown(identity)}"
    if identity == ROOT:
        raise fields.fail("id", f"{ROOT} is reserved")
    if not _ID.fullmatch(identity):
        right = "it must be of A-Z, a-z, 0-9, '_', '.' and '-', begin with a letter or digit, and have at most 128"
        raise fields.fail("id", f"is {shown(identity)}; {right}")
    return identity


def _kind(fields: Fields) -> Kind:
    given = [kind for kind in Kind if (fields.texts(kind) if kind is Kind.PUSH else fields.text(kind))]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise TaskFileError(
            f"a step has exactly one of build, push and cmd; here is {found}", line=fields.line, where=fields.where
        )
    return given[0]


def _check(fields: Fields) -> None:
    for name in _NOT_NEGATIVE:
        if fields.integer(name) < 0:
            raise fields.fail(name, f"is {fields.integer(name)}; it must be 0 or more")
    for name in ("ports", "expose", "retryOnErrors"):
        if "" in fields.texts(name):
            raise fields.fail(name, "has an empty item")
    try:
        cpus(fields.text("cpus"))
    except TaskFileError as error:
        raise error.placed(line=fields.line_of("cpus"), where=fields.where) from None


def _positive(value: int, default: int) -> int:
    return value if value > 0 else default


def _cache(fields: Fields, kind: Kind) -> bool | None:
    cache = fields.text("cache")
    if cache.lower() not in ("", "enabled", "disabled"):
        raise fields.fail("cache", f"is {shown(cache)}; it must be enabled or disabled")
    return cache.lower() == "enabled" if cache and kind is Kind.BUILD else None


def clean(directory: str) -> str:
    """A directory below the workspace, absolute and clean; an absolute one as it is. ``..`` may climb out of it."""
    return "/" + posixpath.normpath(posixpath.join(WORKSPACE, directory)).lstrip("/")


def _working_directory(fields: Fields, kind: Kind, defaults: Defaults) -> str | None:
    directory = fields.text("workingDirectory") or defaults.working_directory
    off = fields.boolean("disableWorkingDirectoryOverride")
    return None if off or kind is Kind.PUSH else clean(directory)


def _network(fields: Fields, kind: Kind, defaults: Defaults) -> str | None:
    return (fields.text("network") or defaults.network) if kind in _RUNS else None


def _mounts(fields: Fields, kind: Kind, defaults: Defaults) -> tuple[Mount, ...]:
    found: dict[str, Mount] = {}
    for given in fields.mappings("volumeMounts", f"{fields.where}.volumeMounts"):
        if kind is Kind.PUSH:
            raise fields.fail("volumeMounts", "has no meaning on a push step")
        mount = _mount(given, defaults)
        if mount.path in found:
            raise given.fail("mountPath", f"{shown(mount.path)} is already mounted in this step")
        found[mount.path] = mount
    return tuple(found.values())


def _mount(fields: Fields, defaults: Defaults) -> Mount:
    name, path = fields.text("name"), fields.text("mountPath")
    if not name:
        raise fields.fail("name", "is missing; it names a volume of the task")
    if name not in defaults.volumes:
        declared = ", ".join(sorted(defaults.volumes)) or "none"
        raise fields.fail("name", f"is {shown(name)}, which is no declared volume; declared are: {declared}")
    cleaned = "/" + posixpath.normpath("/" + path).lstrip("/")
    if not path or cleaned == "/" or ".." in path.split("/"):
        raise fields.fail("mountPath", f"is {shown(path)}; it must be a directory in the container, such as /secrets")
    return Mount(name, cleaned)


def _with_text(made: Step, fields: Fields, defaults: Defaults) -> Step:
    """The step with its text taken apart; errors name the text's line."""
    try:
        if made.kind is Kind.PUSH:
            return replace(made, images=push_list(fields.texts(Kind.PUSH)))
        text = fields.text(made.kind)
        if made.kind is Kind.BUILD:
            return replace(made, text=text, build=build_command(text, made.env))
        text = defaults.image(text)
        return with_flags(replace(made, text=text, command=command(text)))
    except TaskFileError as error:
        raise error.placed(line=fields.line_of(made.kind), where=fields.where) from None
