"""What people are told of a task file that is right, but does not do all that it seems to say."""

from collections.abc import Callable

import pytest

from baselift.domain.taskfile import TaskFile

Read = Callable[..., TaskFile]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{id: a, build: ., user: root, ports: ['1']}", "user, ports: of no effect on a build"),
        ("{id: a, build: ., network: host}", "network: of no effect on a build"),
        ("{id: a, build: ., detach: true}", "detach: of no effect on a build"),
        ("{id: a, build: --quiet .}", "build flags of no effect here: --quiet"),
        ("{id: a, cmd: i, ports: ['80']}", "ports: nothing is published"),
        ("{id: a, cmd: i, keep: true}", "keep: of no effect"),
        ("{id: a, cmd: i, isolation: hyperv}", "isolation 'hyperv'"),
        ("{id: a, push: [i], exitedWith: [3]}", "exitedWith and exitedWithout are not looked at"),
    ],
)
def test_what_has_no_effect_is_noted_with_its_step(read: Read, step: str, said: str) -> None:
    (note,) = read(f"steps:\n- {step}\n").notes
    assert note.startswith(f"line 2: step 'a': {said}")


@pytest.mark.parametrize(
    "step",
    [
        "{build: .}",
        "{build: ., cache: disabled}",
        "{build: ., cache: enabled, cpus: 1}",
        "{cmd: i, expose: ['80'], pull: true, detach: true, cpus: 1}",
        "{push: [i]}",
    ],
)
def test_what_has_its_effect_is_not_noted(read: Read, step: str) -> None:
    assert read(f"steps:\n- {step}\n").notes == ()


def test_unknown_properties_are_noted_with_what_may_be_meant(read: Read) -> None:
    notes = read("stepsTimeout: 3\nSteps: []\nsteps:\n- cmd: i\n  ignoreerrors: true\n").notes
    assert notes == (
        "line 1: 'stepsTimeout' is no property of a task and is ignored",
        "line 2: 'Steps' is no property of a task and is ignored; steps is meant?",
        "line 5: steps[0]: 'ignoreerrors' is no property of a step and is ignored; ignoreErrors is meant?",
    )


def test_declared_networks_are_one(read: Read) -> None:
    (note,) = read("networks: [{name: a}, {name: b}]\nsteps: [{cmd: i, network: a}]\n").notes
    assert note.endswith("which stands for all of these: a, b")
