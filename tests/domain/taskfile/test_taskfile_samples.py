"""Whole task files, with what they come to."""

import json
from pathlib import Path
from typing import Any

import pytest

from baselift.domain import templates
from baselift.domain.taskfile import (
    Kind,
    Mount,
    TaskFile,
    graph,
    load,
    overlay,
    secrets_section,
    single_command,
    values,
)

ASSETS = Path(__file__).parents[2] / "assets" / "taskfiles"
SAMPLES = sorted(path.stem for path in ASSETS.glob("*.json"))


def sample(name: str, data: Any) -> TaskFile:
    given = overlay(values((ASSETS / "values.yaml").read_text()), {"tag": "2.0"})
    secrets = {"token": "s3cret", "other": "x"}
    known = {**data, "Values": given, "ValuesJSON": json.dumps(given, sort_keys=True), "Secrets": secrets}
    return load((ASSETS / f"{name}.yaml").read_text(), known, render=templates.render)


def summary(task: TaskFile) -> dict[str, Any]:
    made = graph(task)
    builds = {step.id: step.build for step in task.steps if step.build}
    commands = {step.id: step.command for step in task.steps if step.command}
    return {
        "roots": list(made.roots),
        "parents": {step: list(parents) for step, parents in made.parents.items()},
        "lines": [step.line for step in task.steps],
        "tags": {name: list(build.tags) for name, build in builds.items()},
        "contexts": {name: build.context for name, build in builds.items()},
        "argv": {name: list(command.argv(["ENTRY"], ["CMD"])) for name, command in commands.items()},
        "env": {step.id: dict(step.env) for step in task.steps if step.kind is not Kind.PUSH},
        "images": {step.id: list(step.images) for step in task.steps if step.kind is Kind.PUSH},
        "timeouts": [step.timeout for step in task.steps],
        "notes": len(task.notes),
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_comes_to_what_stands_beside_it(name: str, data: Any) -> None:
    assert summary(sample(name, data)) == json.loads((ASSETS / f"{name}.json").read_text())


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 4


def test_secrets_reach_files_byte_for_byte_and_never_a_representation(data: Any) -> None:
    task = sample("values-and-secrets", data)
    (keys,) = task.volumes
    assert keys.files["token.txt"] == b"s3cret"
    assert json.loads(keys.files["config.json"]) == {"nested": {"level": 3, "released": "2024-01-02"}, "tag": "2.0"}
    assert "s3cret" not in repr(task)


def test_secrets_are_known_before_the_task_is_loaded(data: Any) -> None:
    text = (ASSETS / "values-and-secrets.yaml").read_text()
    known = {**data, "Values": {"nested": {"level": 3}}}
    first, second = secrets_section(text, known, render=templates.render)
    assert (first.id, first.keyvault, first.client_id, first.line) == (
        "token",
        "https://vault.example/secrets/token",
        "",
        3,
    )
    assert second.client_id == "c72b2df0-b9d8-4ac6-9363-7c1eb06c1c86"


def test_the_first_rendering_knows_no_secret_even_if_the_data_holds_some(data: Any) -> None:
    text = "secrets:\n- {id: '{{.Secrets.a}}x', keyvault: k}\n"
    (secret,) = secrets_section(text, {**data, "Secrets": {"a": "leak"}}, render=templates.render)
    assert secret.id == "x"


def test_a_file_without_the_word_declares_no_secrets(data: Any) -> None:
    assert secrets_section("steps: [}", data, render=templates.render) == ()


def test_mounts_and_networks_of_the_sample(data: Any) -> None:
    build, show = sample("values-and-secrets", data).steps
    assert build.mounts == (Mount("keys", "/run/keys"),)
    assert show.mounts == (Mount("keys", "/keys"), Mount("keys", "/again"))
    assert (build.network, show.network, build.cache) == ("outer", "inner", True)
    assert build.build is not None
    assert build.build.secrets[0].path == "/run/keys/token.txt"


AZ = "version: v1.1.0\nsteps: \n  - cmd: {}\n    disableWorkingDirectoryOverride: true\n    timeout: 3600\n"
COMMANDS = [
    "bash echo hi",
    "$Registry/tool:{{.Run.ID}} --now",
    "acr purge --filter 'samples/hello:.*' --ago 7d",
    'bash -c "echo {{ .Run.ID | quote }}"',
]


@pytest.mark.parametrize("cmd", COMMANDS)
def test_a_single_command_is_the_task_that_az_encodes(cmd: str, read: Any) -> None:
    ours, theirs = read(single_command(cmd, 3600)), read(AZ.format(cmd))
    assert ours.steps[0].command == theirs.steps[0].command
    assert ours.steps[0].working_directory is None
    assert ours.steps[0].timeout == 3600
    assert ours.version == "v1.1.0"


def test_a_single_command_keeps_quotes_colons_lines_and_hashes(read: Any) -> None:
    cmd = "img:1 sh -c '\n  # here: \"a\"\n\n  echo #b'"
    command = read(single_command(cmd)).steps[0].command
    assert command.words == ("sh", "-c", '\n  # here: "a"\n\n  echo #b')


def test_an_empty_single_command_is_refused() -> None:
    with pytest.raises(ValueError, match="the command is empty"):
        single_command(" \n")
