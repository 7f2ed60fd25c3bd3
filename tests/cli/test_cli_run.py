"""`baselift run`: task files and commands without a task."""

from pathlib import Path

import pytest
from live_app import WHERE

STEPS = """version: v1.1.0
steps:
  - cmd: {base} echo word={{{{.Values.word}}}} other={{{{.Values.other}}}} secret={{{{.Values.token}}}}
  - cmd: {base} find . -type f
"""


@pytest.fixture
def workspace(base: str, tmp_path: Path) -> Path:
    """A directory with a task file, a values file, and a file that is ignored."""
    directory = tmp_path / "workspace"
    directory.mkdir()
    files = {
        "acb.yaml": STEPS.format(base=f"{base} /bin/busybox"),
        "values.yaml": "word: of-the-file\nother: kept\n",
        ".dockerignore": "*.log\n",
        "noise.log": "",
        "file": "",
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    return directory


def test_a_task_file_runs_with_its_directory_values_and_secrets(live, baselift, workspace):
    done = baselift(
        "run", "--values", "values.yaml", "--set", "word=of-the-line", "--set-secret", "token=hunter-2", str(workspace)
    )
    assert done.code == 0, done.err
    told = done.err.splitlines()
    assert told[0].startswith("Uploading archived source code (")
    run = told[1].removeprefix("Queued a run with ID: ")
    lines = done.out.splitlines()
    assert "word=of-the-line other=kept secret=***" in lines
    assert {"./acb.yaml", "./values.yaml", "./.dockerignore", "./file"} == {x for x in lines if x.startswith("./")}
    assert lines[-1].startswith(f"Run ID: {run} was successful after ")
    assert done.out == live.log(run).replace("\r\n", "\n")
    assert live.client.runs.get(*WHERE, run).properties.run_type == "QuickRun"


def test_a_task_file_that_is_not_in_the_source_is_read_here(baselift, base, tmp_path, source):
    (tmp_path / "own.yaml").write_text(f"steps:\n- cmd: {base} /bin/busybox echo of {{{{.Values.word}}}}\n")
    (tmp_path / "words.yaml").write_text("word: a file here\n")
    given = ("run", "-f", "own.yaml", "--values", "words.yaml")
    done = baselift(*given, "/dev/null")
    assert (done.code, len(done.err.splitlines())) == (0, 1)
    assert "of a file here" in done.out.splitlines()
    typed = baselift("run", "-f", "-", source, typed=f"steps:\n- cmd: {base} /bin/busybox ls\n")
    assert (typed.code, {"Dockerfile", "failing"} <= set(typed.out.splitlines())) == (0, True)


def test_a_task_file_of_a_repository_is_named_there(live, baselift, base):
    url = live.git.create("named", {"ci/task.yaml": f"steps:\n- cmd: {base} /bin/busybox echo from the repository\n"})
    done = baselift("run", "-f", "ci/task.yaml", url)
    assert done.code == 0, done.out
    assert "from the repository" in done.out.splitlines()


@pytest.mark.parametrize(("words", "code", "end"), [("true", 0, "was successful"), ("false", 1, "failed")])
def test_a_command_ends_with_0_or_1(baselift, base, words, code, end):
    done = baselift("run", "--cmd", f"{base} /bin/busybox {words}", "--timeout", "300", "/dev/null")
    assert done.code == code
    assert f" {end} after " in done.out.splitlines()[-1]
    assert done.err.splitlines()[1:] == (["ERROR: Run failed"] if code else [])


def test_a_command_may_have_aliases_quotes_operators_and_templates(baselift):
    text = '$Registry/base/node:1 /bin/busybox echo "it\'s {{.Run.OS}}" && /bin/busybox echo done'
    done = baselift("run", "--cmd", text, "/dev/null")
    assert done.code == 0, done.out
    lines = done.out.splitlines()
    assert lines.index("it's linux") < lines.index("done")


def test_without_waiting_or_logs(live, baselift, base):
    command = ("run", "--cmd", f"{base} /bin/busybox echo unheard", "/dev/null")
    done = baselift(*command, "--no-wait")
    assert (done.code, done.out) == (0, "")
    run = done.err.strip().removeprefix("Queued a run with ID: ")
    assert live.ended(live.client.runs.get(*WHERE, run)).properties.status == "Succeeded"
    done = baselift(*command, "--no-logs", "-o", "tsv")
    assert (done.code, "unheard" in done.out) == (0, False)
    assert done.rows[0][2:5] == ["linux", "Succeeded", "Manual"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent"], "source 'absent' is neither a directory nor the URL of a git repository"),
        (["."], "'acb.yaml' cannot be read: No such file or directory"),
        (["-f", "no.yaml", "/dev/null"], "'no.yaml' cannot be read: No such file or directory"),
        (["-f", "bytes", "/dev/null"], "'bytes' is no UTF-8 text: byte 1 is wrong"),
        (["-f", "large", "/dev/null"], "'large' is larger than 1048576 bytes, the limit"),
        (["-f", "ok.yaml", "--values", "large", "/dev/null"], "'large' is larger than 1048576 bytes, the limit"),
        (["-f", "ok.yaml", "--cmd", "x", "/dev/null"], "--file and --cmd exclude each other"),
        (["--cmd", " ", "/dev/null"], "--cmd: the command is empty"),
        (["-f", "ok.yaml", "--set", "=x", "/dev/null"], "values: a set value needs a name: name=value"),
        (["-f", "ok.yaml", "--platform", "linux/", "/dev/null"], "--platform is 'linux/': it must be os"),
    ],
)
def test_what_the_command_can_see_itself_is_one_line(baselift, tmp_path, words, message):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"#" * (1 << 20) + b"\n")
    (tmp_path / "ok.yaml").write_text("steps: []\n")
    done = baselift("run", *words)
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert done.err.startswith(f"ERROR: {message}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("steps:\n- cmd: [1]\n", "line 2"),
        ("steps:\n- cmd: '{{range until 9}}'\n", "task file"),
        ("version: v7\n", "v1.0.0 is current"),
    ],
)
def test_what_is_wrong_with_a_task_file_is_its_runs_last_line(baselift, tmp_path, text, reason):
    (tmp_path / "wrong.yaml").write_text(text)
    done = baselift("run", "-f", "wrong.yaml", "/dev/null")
    assert (done.code, done.err.splitlines()[1:]) == (1, ["ERROR: Run failed"])
    assert reason in done.out.splitlines()[-1]
