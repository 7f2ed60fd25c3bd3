"""`baselift render`, which needs no server."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.cli.main import main

SAMPLES = Path(__file__).parents[2] / "samples" / "tasks"
GRAPH = """version: v1.1.0
alias: {values: {n: node.example/node}}
steps:
  - id: one
    build: -t {{.Run.Registry}}/a:$ID {{.Values.where}}
  - {id: two, cmd: n -v, when: ["-"]}
  - push: ["{{.Run.Registry}}/a:$ID"]
    when: [two, one, two]
"""


def run(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["render", *words], input=typed)


def test_the_text_is_rendered_and_the_graph_is_told(tmp_path):
    file, values = tmp_path / "task.yaml", tmp_path / "values.yaml"
    file.write_text(GRAPH)
    values.write_text("where: src\n")
    done = run(str(file), "--values", str(values), "--set", "where=of=line", "--run", "ID=da6")
    assert (done.exit_code, done.stderr) == (0, "")
    text, table = done.stdout.split("\n\n")
    assert text.splitlines()[3] == "    build: -t registry.example/a:da6 of=line"
    assert "alias" not in text
    cells = [line.split() for line in table.splitlines()]
    assert cells[0][:4] == ["STEP", "TYPE", "WAITS", "FOR"]
    assert [row[:3] for row in cells[2:]] == [
        ["one", "build", "-"],
        ["two", "cmd", "-"],
        ["acb_step_2", "push", "two,"],
    ]
    assert cells[4][3:5] == ["one", "7"]


def test_json_has_the_whole_text_and_the_notes():
    done = run("-", "-o", "json", typed="steps:\n- cmd: a b  c\n  keep: yes\n")
    document = json.loads(done.stdout)
    assert document["rendered"] == "steps:\n- cmd: a b  c\n  keep: yes\n"
    (step,) = document["steps"]
    assert step == {"id": "acb_step_0", "type": "cmd", "waitsFor": [], "line": 2, "text": "a b  c"}
    assert [note.partition(": keep")[0] for note in document["notes"]] == ["line 2: step 'acb_step_0'"]


def test_secrets_and_random_text_have_stand_ins_and_text_and_graph_are_of_one_rendering():
    task = "secrets: [{id: s, keyvault: 'https://v/secrets/s'}]\nsteps:\n- id: a\n  cmd: i {{.Secrets.s}} {{uuidv4}}\n"
    document = json.loads(run("-", "-o", "json", typed=task).stdout)
    assert " (secret) " in document["steps"][0]["text"]
    assert document["steps"][0]["text"] in document["rendered"]


def test_alias_files_are_read_beside_the_task_file(tmp_path):
    (tmp_path / "more.yaml").write_text("tool: tool.example/tool:3\n")
    (tmp_path / "task.yaml").write_text("version: v1.1.0\nalias: {src: [more.yaml]}\nsteps:\n- cmd: tool x\n")
    assert "tool.example/tool:3 x" in run(str(tmp_path / "task.yaml")).stdout


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*-*.yaml")))
def test_the_samples_can_be_rendered(name):
    done = run(str(SAMPLES / name), "--values", str(SAMPLES / "values.yaml"), "--set", "token=x")
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: 1\n", "line 1: steps is the number 1; it must be a list"),
        ("version: v3\n", "line 1: version is 'v3'"),
        (
            "steps:\n- {id: a, cmd: x}\n- {id: a, cmd: y}\n",
            "line 3: step 'a': id 'a' is already that of the step in line 2",
        ),
        ("steps:\n- {id: a, cmd: x, when: [b]}\n- {id: b, cmd: y, when: [a]}\n", "line 2: step 'a': when names 'b'"),
        ("steps:\n- {id: a, cmd: x, when: [a]}\n", "line 2: step 'a': when names the step itself"),
        ("{{range until 100000}}{{range until 100000}}x{{end}}{{end}}\n", "template: 1: "),
        ('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}\n', "template: 1: "),
        ("steps:\n- cmd: {{.Values.a.b}}\n", "template: 2: "),
        ("{{env `HOME`}}\n", "template: 1: "),
        ("a: [\n", "line 2: this is not YAML"),
        (
            "version: v1.1.0\nalias: {src: ['https://x/y']}\nsteps: []\n",
            "alias: the alias file 'https://x/y' is not in",
        ),
        ("version: v1.1.0\nalias: {src: [/no/such]}\nsteps: []\n", "'/no/such' cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line_and_ends_with_1(text, message):
    done = run("-", typed=text)
    assert (done.exit_code, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


def test_a_values_file_of_50_mb_is_refused_unread(tmp_path):
    file = tmp_path / "values.yaml"
    with file.open("wb") as values:
        values.truncate(50_000_000)
    done = run("-", "--values", str(file), typed="steps: []\n")
    assert (done.exit_code, done.stderr) == (1, f"ERROR: '{file}' is larger than 1048576 bytes, the limit\n")


@given(st.binary(max_size=200))
@settings(max_examples=300 if os.environ.get("BASELIFT_ALL") == "1" else 40, deadline=None)
def test_any_file_is_rendered_or_refused_in_one_line(content: bytes):
    done = CliRunner().invoke(main, ["render", "-"], input=content)
    assert done.exit_code in (0, 1)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    told = done.stderr.splitlines()
    assert all(line.startswith("Note: ") for line in told) if done.exit_code == 0 else len(told) == 1
