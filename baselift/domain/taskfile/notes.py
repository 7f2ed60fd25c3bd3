"""What people should be told of a task file that is right, but does not do all that it seems to say.

Each is a line for the run's log. Nothing here changes what is done.
"""

from collections.abc import Iterator

from baselift.domain.taskfile.errors import shown
from baselift.domain.taskfile.fields import Fields
from baselift.domain.taskfile.keys import KEYS
from baselift.domain.taskfile.model import DEFAULT_NETWORK, Kind, Step, TaskFile

_OF_THE_CLIENT = ("user", "network", "isolation", "ports", "expose", "privileged", "keep")
"""On a build step ACR gives these to the container of the docker client, and never to RUN; there is no such here."""


def notes(task: TaskFile) -> tuple[str, ...]:
    """What holds for its steps and networks, in file order."""
    of_steps = (f"line {step.line}: step {shown(step.id)}: {note}" for step in task.steps for note in _of(step, task))
    return (*_of_networks(task), *of_steps)


def unknown(fields: Fields) -> tuple[str, ...]:
    """Names of a task or its steps that mean nothing, and so are ignored, as ACR's engine does."""
    steps = fields.mappings("steps", "steps")
    places = [("", "task", fields), *((f"steps[{i}]: ", "step", each) for i, each in enumerate(steps))]
    return tuple(
        f"line {each.line_of(name)}: {where}{shown(name)} is no property of a {kind} and is ignored{_meant(name, kind)}"
        for where, kind, each in places
        for name in each.names()
        if name not in KEYS[kind]
    )


def _meant(name: str, kind: str) -> str:
    meant = next((key for key in KEYS[kind] if key.lower() == name.lower()), None)
    return f"; {meant} is meant?" if meant else ""


def _of_networks(task: TaskFile) -> Iterator[str]:
    if task.networks and task.networks[0].name != DEFAULT_NETWORK:
        names = ", ".join(network.name for network in task.networks)
        yield f"networks: a run has one network of its own, which stands for all of these: {names}"


def _of(step: Step, task: TaskFile) -> Iterator[str]:
    yield from _of_build(step, task) if step.kind is Kind.BUILD else _of_command(step)
    if step.exited_with or step.exited_without:
        yield "exitedWith and exitedWithout are not looked at, as in ACR: every exit code but 0 is a failure"


def _of_build(step: Step, task: TaskFile) -> Iterator[str]:
    usual = next((network.name for network in reversed(task.networks) if network.default), None)
    plain = Step(step.id, step.kind, step.index, step.line, network=usual)
    given = [name for name in _OF_THE_CLIENT if getattr(step, name) != getattr(plain, name)]
    if given:
        yield f"{', '.join(given)}: of no effect on a build; ACR does not give them to RUN instructions either"
    if step.detach:
        yield "detach: of no effect on a build, which has ended when the next step begins"
    if step.build and step.build.ignored:
        yield f"build flags of no effect here: {', '.join(step.build.ignored)}"


def _of_command(step: Step) -> Iterator[str]:
    if step.ports:
        yield "ports: nothing is published on the builder; other steps reach the container's own ports by its step id"
    if step.keep:
        yield "keep: of no effect, since nothing can look at a container after its end"
    if step.isolation:
        yield f"isolation {shown(step.isolation)}: of no effect on Linux"
