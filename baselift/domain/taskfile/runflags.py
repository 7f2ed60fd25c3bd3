"""Docker's flags in front of a ``cmd``'s image, taken as the step properties that they stand for.

They come after what ACR's engine itself writes into the command, so they win over the step's properties.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from baselift.domain.taskfile.environment import inherit
from baselift.domain.taskfile.errors import TaskFileError, shown
from baselift.domain.taskfile.model import Step

_CPUS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,9})?")
_PULL = {"always": True, "missing": False}


def cpus(text: str) -> str:
    """A number of processors as text; empty for no limit. Raises TaskFileError."""
    if text and not _CPUS.fullmatch(text):
        raise TaskFileError(f"cpus is {shown(text)}; it must be a number of processors, such as 0.5")
    return text


def _env(step: Step, value: str) -> Step:
    name, equals, text = value.partition("=")
    if not name or not equals:
        raise TaskFileError("docker run flag --env must be NAME=value")
    return replace(step, env=inherit({**step.env, name: text}, {}))


def _pull(step: Step, value: str) -> Step:
    if value not in _PULL:
        raise TaskFileError(f"docker run flag --pull is {shown(value)}; it must be always or missing")
    return replace(step, pull=_PULL[value])


def _same(step: Step, _: str) -> Step:
    return step


_TAKE: dict[str, Callable[[Step, str], Step]] = {
    "cpus": lambda step, value: replace(step, cpus=cpus(value)),
    "detach": lambda step, value: replace(step, detach=value == "true"),
    "entrypoint": lambda step, value: replace(step, entry_point=value),
    "env": _env,
    "expose": lambda step, value: replace(step, expose=(*step.expose, value)),
    "init": _same,
    "interactive": _same,
    "net": lambda step, value: replace(step, network=value),
    "network": lambda step, value: replace(step, network=value),
    "privileged": lambda step, value: replace(step, privileged=value == "true"),
    "publish": lambda step, value: replace(step, ports=(*step.ports, value)),
    "pull": _pull,
    "rm": _same,
    "tty": _same,
    "user": lambda step, value: replace(step, user=value),
    "workdir": lambda step, value: replace(step, working_directory=value),
}


def with_flags(step: Step) -> Step:
    """The step with the flags of its command as properties.

    Raises:
        TaskFileError: a flag's value makes no sense.
    """
    for flag in step.command.flags if step.command else ():
        step = _TAKE[flag.name](step, flag.value)
    return step
