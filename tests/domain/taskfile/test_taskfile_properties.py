"""Properties of tasks and steps: defaults, inheritance, and what has an effect where (semantics 1.2, 1.3, 1.5, 1.6)."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from baselift.domain.taskfile import Kind, Step, TaskFile

Read = Callable[..., TaskFile]
MakeStep = Callable[..., Step]

PROPERTIES: dict[str, tuple[str, str, Any, Any]] = {
    # yaml -> attribute, kinds on which it has an effect, value, default
    "entryPoint: sh": ("entry_point", "cmd", "sh", ""),
    "user: root": ("user", "cmd build", "root", ""),
    "network: host": ("network", "cmd build", "host", "acb_default_network"),
    "isolation: hyperv": ("isolation", "cmd build", "hyperv", ""),
    "cpus: 2": ("cpus", "cmd build", "2", ""),
    "ports: ['80']": ("ports", "cmd build", ("80",), ()),
    "expose: ['80']": ("expose", "cmd build", ("80",), ()),
    "privileged: yes": ("privileged", "cmd build", True, False),
    "keep: yes": ("keep", "cmd build", True, False),
    "detach: yes": ("detach", "cmd build", True, False),
    "pull: yes": ("pull", "cmd", True, False),
    "cmdDownloadRetries: 2": ("pull_retries", "cmd", 2, 0),
    "cmdDownloadRetryDelay: 3": ("pull_retry_delay", "cmd", 3, 0),
    "timeout: 9": ("timeout", "cmd build push", 9, 600),
    "timeout: 0": ("timeout", "cmd build push", 600, 600),
    "timeout: -1": ("timeout", "cmd build push", 600, 600),
    "startDelay: 4": ("start_delay", "cmd build push", 4, 0),
    "startDelay: -4": ("start_delay", "cmd build push", 0, 0),
    "retries: 2": ("retries", "cmd build", 2, 0),
    "retryDelay: 7": ("retry_delay", "cmd build push", 7, 5),
    "retryDelay: 0": ("retry_delay", "cmd build push", 5, 5),
    "retryDelay: -1": ("retry_delay", "cmd build push", 5, 5),
    "retryOnErrors: [a b]": ("retry_on_errors", "cmd build", ("a b",), ()),
    "repeat: 2": ("repeat", "cmd build", 2, 0),
    "ignoreErrors: yes": ("ignore_errors", "cmd build push", True, False),
    "cache: eNabled": ("cache", "build", True, None),
    "cache: Disabled": ("cache", "build", False, None),
    "exitedWith: [3]": ("exited_with", "cmd build push", (3,), ()),
    "exitedWithout: [3, 0x4]": ("exited_without", "cmd build push", (3, 4), ()),
    "env: [A=1]": ("env", "cmd build", {"A": "1"}, {}),
    "workingDirectory: a": ("working_directory", "cmd build", "/workspace/a", "/workspace"),
    "disableWorkingDirectoryOverride: yes": ("working_directory", "cmd build", None, "/workspace"),
    "when: ['-']": ("when", "cmd build push", ("-",), ()),
}
NOTHING = {"network": None, "working_directory": None}
"""What a push step has where others have a default."""
TEXT = {"cmd": "cmd: img", "build": "build: .", "push": "push: [img]"}


@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize("given", PROPERTIES)
def test_a_property_has_its_value_where_it_has_an_effect_else_its_default(
    given: str, kind: str, step: MakeStep
) -> None:
    attribute, kinds, value, default = PROPERTIES[given]
    without = NOTHING.get(attribute, default) if kind == "push" else default
    assert getattr(step(f"{{{TEXT[kind]}, {given}}}"), attribute) == (value if kind in kinds.split() else without)
    assert getattr(step(f"{{{TEXT[kind]}}}"), attribute) == without


def test_every_property_of_a_step_is_tested() -> None:
    elsewhere = {"id", "kind", "index", "line", "text", "build", "command", "images", "mounts"}
    assert {field.name for field in fields(Step)} - elsewhere == {attribute for attribute, *_ in PROPERTIES.values()}


def test_default_ids_count_named_steps_too(read: Read) -> None:
    task = read("steps:\n- cmd: a\n- {id: named, cmd: b}\n- {cmd: c}\n")
    assert [step.id for step in task.steps] == ["acb_step_0", "named", "acb_step_2"]
    assert [step.index for step in task.steps] == [0, 1, 2]
    assert [step.line for step in task.steps] == [2, 3, 4]


def test_empty_kinds_are_absent(step: MakeStep) -> None:
    assert step("{cmd: img, build: '', push: []}").kind is Kind.CMD


DIRECTORIES = {
    ("", ""): "/workspace",
    ("", "a/./b/"): "/workspace/a/b",
    ("task", ""): "/workspace/task",
    ("task", "own"): "/workspace/own",
    ("/task", ""): "/task",
    ("", "/abs//x"): "/abs/x",
    ("", "//x"): "/x",
    ("", "../up"): "/up",
    ("", "../../.."): "/",
}


@pytest.mark.parametrize(("given", "expected"), DIRECTORIES.items(), ids=map(str, DIRECTORIES))
def test_a_working_directory_is_joined_to_the_workspace_and_cleaned(
    given: tuple[str, str], expected: str, step: MakeStep
) -> None:
    task, own = given
    assert step(f"{{cmd: img, workingDirectory: '{own}'}}", head=f"workingDirectory: '{task}'\n").working_directory == (
        expected
    )


def test_the_step_timeout_of_the_task_holds_for_steps_without_one(read: Read) -> None:
    task = read("stepTimeout: 30\nsteps:\n- cmd: a\n- {cmd: b, timeout: 5}\n- {cmd: c, timeout: 0}\n")
    assert [step.timeout for step in task.steps] == [30, 5, 30]


def test_variables_of_the_step_win_over_those_of_the_task_and_these_over_the_runners(read: Read) -> None:
    task = read("env: ['A=task,B=task']\nsteps:\n- {cmd: a, env: [C=step, 'A=x,y=z']}\n", env={"B": "run", "D": "run"})
    assert list(task.steps[0].env.items()) == [("C", "step"), ("A", "x,y=z"), ("B", "task"), ("D", "run")]
    assert task.env == {"A": "task", "B": "task", "D": "run"}


def test_the_default_network_is_a_bridge_that_every_step_joins(read: Read) -> None:
    task = read("steps:\n- cmd: a\n- build: .\n- push: [x]\n")
    (network,) = task.networks
    assert (network.name, network.driver, network.default, network.external) == (
        "acb_default_network",
        "bridge",
        True,
        False,
    )
    assert [step.network for step in task.steps] == ["acb_default_network", "acb_default_network", None]


NETWORKS = {
    "none is default": ("[{name: a}]", None),
    "one is default": ("[{name: a, isDefault: yes}, {name: b}]", "a"),
    "the last default wins": ("[{name: a, isDefault: yes}, {name: b, isDefault: yes}, {name: c}]", "b"),
}


@pytest.mark.parametrize(("networks", "expected"), NETWORKS.values(), ids=NETWORKS)
def test_a_step_without_network_joins_the_default_of_the_declared_ones(
    networks: str, expected: str | None, step: MakeStep
) -> None:
    assert step("cmd: a", head=f"networks: {networks}\n").network == expected


def test_networks_have_their_properties(read: Read) -> None:
    (network,) = read("networks:\n- {name: n, driver: nat, ipv6: yes, skipCreation: yes}\n").networks
    assert (network.name, network.driver, network.ipv6, network.external, network.default) == (
        "n",
        "nat",
        True,
        True,
        False,
    )


def test_volumes_hold_bytes(read: Read) -> None:
    (volume,) = read("volumes:\n- name: V_1-x\n  secret: {a.b-c_d: AAEC, empty: '', wrapped: \"AA\\nEC\"}\n").volumes
    assert volume.name == "V_1-x"
    assert volume.files == {"a.b-c_d": b"\x00\x01\x02", "empty": b"", "wrapped": b"\x00\x01\x02"}


def test_secrets_have_case(read: Read) -> None:
    first, second = read("secrets:\n- {id: a, keyvault: k}\n- {id: A, keyvault: k}\n").secrets
    assert (first.id, second.id) == ("a", "A")
