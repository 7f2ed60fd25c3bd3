"""`baselift task`."""

import re

import pytest
from cli.inside import Inside
from click.testing import CliRunner
from live_app import REGISTRY_ID, WHERE

from baselift.cli.main import main

RUN_COLUMNS = ["RUN ID", "TASK", "PLATFORM", "STATUS", "TRIGGER", "STARTED", "DURATION"]
TASK_COLUMNS = ["NAME", "PLATFORM", "STATUS", "SOURCE REPOSITORY", "TRIGGERS"]


def table(text: str) -> tuple[list[str], list[list[str]]]:
    """Heads and cells of a table, cut where the dashes under the heads are."""
    heads, dashes, *rows = text.splitlines()
    spans = [match.span() for match in re.finditer("-+", dashes)]
    cut = [[line[start:end].strip() for start, end in spans] for line in (heads, *rows)]
    return cut[0], cut[1:]


@pytest.fixture
def task(request, baselift, source) -> str:
    """A task of the test's own."""
    name = re.sub(r"\W", "-", request.node.name)[-40:]
    done = baselift("task", "create", "-n", name, "-t", f"{name.lower()}:{{{{.Run.ID}}}}", "-c", source)
    assert done.code == 0, done.err
    return name


def test_create_prints_the_task_with_its_secrets_masked(live, baselift, source):
    done = baselift(
        *("task", "create", "--name", "createdtask", "--image", "created:{{.Run.ID}}", "--context", source),
        *("--file", "Dockerfile", "--arg", "WHO=you", "--secret-arg", "TOKEN=s3cret", "--target", "first"),
        *("--timeout", "600", "--no-cache", "true", "--git-access-token", "s3cret-pat", "--platform", "Linux/amd64"),
        *("--base-image-trigger-type", "All", "--status", "Disabled"),
    )
    assert (done.code, done.err) == (0, "")
    assert done.json["id"] == f"{REGISTRY_ID}/tasks/createdtask"
    assert (done.json["timeout"], done.json["status"]) == (600, "Disabled")
    assert done.json["platform"] == {"os": "linux", "architecture": "amd64"}
    assert done.json["step"] == {
        "type": "Docker",
        "contextPath": source,
        "contextAccessToken": None,
        "dockerFilePath": "Dockerfile",
        "imageNames": ["created:{{.Run.ID}}"],
        "isPushEnabled": True,
        "noCache": True,
        "target": "first",
        "arguments": [
            {"name": "WHO", "value": "you", "isSecret": False},
            {"name": "TOKEN", "value": None, "isSecret": True},
        ],
    }
    assert done.json["trigger"]["baseImageTrigger"] == {
        "name": "defaultBaseimageTriggerName",
        "baseImageTriggerType": "All",
        "status": "Enabled",
        "updateTriggerPayloadType": "Default",
    }
    step = live.client.tasks.get_details(*WHERE, "createdtask").properties.step
    assert (step.context_access_token, step.arguments[1].value) == ("s3cret-pat", "s3cret")


def test_create_without_the_base_image_trigger(baselift, source):
    words = ("-t", "quiet:1", "-c", source, "--base-image-trigger-enabled", "false")
    assert baselift("task", "create", "-n", "quiettask", *words).json["trigger"] == {}
    rows = baselift("task", "show", "-n", "quiettask", "-o", "tsv").rows
    assert rows == [["quiettask", "linux", "Enabled", source, ""]]


def test_update_changes_only_what_is_given(baselift, task, source):
    before = baselift("task", "show", "-n", task).json
    done = baselift("task", "update", "-n", task, "--timeout", "900", "--arg", "WHO=update")
    assert (done.code, done.json["timeout"]) == (0, 900)
    assert done.json["step"]["arguments"] == [{"name": "WHO", "value": "update", "isSecret": False}]
    assert done.json["step"]["imageNames"] == before["step"]["imageNames"]
    assert done.json["trigger"] == before["trigger"]
    off = baselift("task", "update", "-n", task, "--base-image-trigger-enabled", "False").json["trigger"]
    assert off["baseImageTrigger"]["status"] == "Disabled"
    typed = baselift("task", "update", "-n", task, "--base-image-trigger-type", "All").json["trigger"]
    assert (typed["baseImageTrigger"]["baseImageTriggerType"], typed["baseImageTrigger"]["status"]) == (
        "All",
        "Disabled",
    )
    assert baselift("task", "show", "-n", task).json["step"]["contextPath"] == source


def test_layers_are_kept_for_a_task_that_says_so_and_not_for_one_that_changes_its_mind(live, baselift, task, source):
    assert baselift("task", "update", "-n", task, "--layer-cache", "enabled").code == 0
    assert baselift("task", "update", "-n", task, "--timeout", "700").code == 0
    assert live.client.tasks.get(*WHERE, task).tags == {"baselift-layer-cache": "enabled"}
    assert baselift("task", "update", "-n", task, "--layer-cache", "disabled").code == 0
    assert live.client.tasks.get(*WHERE, task).tags == {"baselift-layer-cache": "disabled"}
    words = ("-t", "layered:1", "-c", source, "--base-image-trigger-enabled", "false", "--layer-cache", "enabled")
    assert baselift("task", "create", "-n", "layeredtask", *words).json["tags"] == {"baselift-layer-cache": "enabled"}


def test_list_and_show_print_the_columns_of_az(baselift, task, source):
    row = [task, "linux", "Enabled", source, "BASE_IMAGE"]
    shown, _, edges = baselift("task", "show", "-n", task, "-o", "table").out.partition("\n\n")
    heads, rows = table(shown)
    assert (heads, rows) == (TASK_COLUMNS, [row])
    heads, rows = table(edges)
    assert heads[:5] == ["BASE", "KIND", "POLICY", "STATE", "HOW"]
    assert [each[1:4] for each in rows] == [["Runtime", "default", "watching"]]
    heads, rows = table(baselift("task", "list", "--output", "table").out)
    assert heads == TASK_COLUMNS
    assert row in rows
    assert row in baselift("task", "list", "-o", "tsv").rows
    assert task in [each["name"] for each in baselift("task", "list").json]


def test_delete_asks_first_and_takes_yes(baselift, task):
    refused = baselift("task", "delete", "-n", task, typed="n\n")
    assert refused.code == 1
    assert refused.out.startswith(f"Delete task '{task}' of registry 'baselift'? [y/N]:")
    assert baselift("task", "show", "-n", task).code == 0
    assert baselift("task", "delete", "-n", task, typed="y\n").code == 0
    assert baselift("task", "show", "-n", task).code == 3
    assert baselift("task", "delete", "-n", task, "--yes").code == 0


def test_run_prints_the_log_and_its_run_is_listed_shown_and_read_again(baselift, task):
    done = baselift("task", "run", "--name", task, "--arg", "WHO=runner")
    assert done.code == 0
    run = done.err.strip().removeprefix("Queued a run with ID: ")
    assert "hello runner" in done.out.splitlines()
    heads, rows = table(baselift("task", "list-runs", "--name", task, "--output", "table").out)
    assert heads == RUN_COLUMNS
    (row,) = rows
    assert row[:5] == [run, task, "linux", "Succeeded", "Manual"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[5])
    assert re.fullmatch(r"00:00:\d\d", row[6])
    assert baselift("task", "list-runs", "-n", task, "-o", "tsv").rows == [row]
    assert table(baselift("task", "show-run", "--run-id", run, "-o", "table").out) == (RUN_COLUMNS, [row])
    shown = baselift("task", "show-run", "--run-id", run).json
    assert (shown["runId"], shown["task"], shown["status"]) == (run, task, "Succeeded")
    assert [shown] == baselift("task", "list-runs", "-n", task, "--run-status", "succeeded", "--top", "1").json
    for chosen in (("--run-id", run), ("--name", task)):
        assert baselift("task", "logs", *chosen).out == done.out


def test_a_failed_run_ends_with_1_and_its_log_can_be_read_with_0(baselift, task):
    done = baselift("task", "run", "-n", task, "--file", "failing")
    assert done.code == 1
    assert done.err.splitlines()[1:] == ["ERROR: Run failed"]
    logs = baselift("task", "logs", "-n", task)
    assert (logs.code, logs.out) == (0, done.out)
    assert baselift("task", "list-runs", "-n", task, "--run-status", "Failed", "-o", "tsv").rows[0][3] == "Failed"


def test_run_without_waiting_and_cancel_of_a_run_that_is_over(live, baselift, task):
    done = baselift("task", "run", "-n", task, "--no-wait")
    assert (done.code, done.out) == (0, "")
    run = done.err.strip().removeprefix("Queued a run with ID: ")
    live.ended(live.client.runs.get(*WHERE, run))
    canceled = baselift("task", "cancel-run", "--run-id", run)
    assert (canceled.code, canceled.err) == (1, f"ERROR: (Conflict) run '{run}' is over already: Succeeded\n")


def test_a_list_of_no_runs_is_empty_in_every_form(baselift, task):
    assert baselift("task", "list-runs", "-n", task).json == []
    for form in ("table", "tsv"):
        assert baselift("task", "list-runs", "-n", task, "-o", form).out == ""
    assert baselift("task", "list-runs", "-n", "o'task' or Status eq 'Failed").json == []


@pytest.mark.parametrize(
    "words",
    [
        ("show", "-n", "absent"),
        ("update", "-n", "absent", "--timeout", "900"),
        ("run", "-n", "absent"),
        ("logs", "-n", "absent"),
        ("logs", "--run-id", "zz9"),
        ("show-run", "--run-id", "zz9"),
        ("cancel-run", "--run-id", "zz9"),
        ("list", "-r", "absent"),
    ],
)
def test_what_does_not_exist_ends_with_3_and_one_line(baselift, words):
    done = baselift("task", *words)
    assert (done.code, done.out) == (3, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("ERROR: ")
    assert words[2] in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("create", "-n", "sometask", "-t", "x:1"), "--context is needed: the URL of a git repository"),
        (("create", "-n", "sometask", "-c", "https://h/r.git"), "--image is needed, or --no-push true"),
        (
            ("create", "-n", "x", "-t", "x:1", "-c", "https://h/r.git"),
            "(InvalidRequest) The task name 'x' must be 5 to 50",
        ),
        (("create", "-n", "sometask", "-t", "x:1", "-c", "/tmp"), "(InvalidRequest) properties.step.contextPath is"),
        (
            ("create", "-n", "sometask", "-t", "x:1", "-c", "https://h/r.git", "--arg", "=1"),
            "argument '=1' must be NAME=VALUE",
        ),
    ],
)
def test_a_bad_argument_is_one_line_and_creates_nothing(live, baselift, words, message):
    done = baselift("task", *words)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"ERROR: {message}")
    assert len(done.err.splitlines()) == 1
    assert "sometask" not in [each.name for each in live.client.tasks.list(*WHERE)]


@pytest.mark.parametrize(
    "words",
    [
        ("create", "-n", "sometask", "--timeout", "60"),
        ("create", "-n", "sometask", "--status", "Sleeping"),
        ("list-runs", "--top", "0"),
        ("list-runs", "--run-status", "sleeping"),
        ("list", "-o", "yaml"),
        ("show",),
        ("nonsense",),
    ],
)
def test_what_the_command_line_cannot_mean_ends_with_2_and_says_what_could(words):
    done = CliRunner().invoke(main, ["task", *words])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert words[-1] in done.stderr


def test_timers_are_added_changed_and_removed_and_the_task_keeps_its_secrets(live, task, tmp_path):
    baselift = Inside(live.url, tmp_path)
    assert baselift("task", "update", "-n", task, "--secret-arg", "TOKEN=s3cret").code == 0

    def timer(verb, *words):
        return baselift("task", "timer", verb, "-n", task, *words)

    assert timer("add", "--timer-name", "night", "--schedule", "0 2 * * *").json == [
        {"name": "night", "schedule": "0 2 * * *", "status": "Enabled"}
    ]
    assert timer("add", "--timer-name", "noon", "--schedule", "0 12 * * *", "--enabled", "false", "-o", "tsv").rows == [
        ["night", "0 2 * * *", "Enabled"],
        ["noon", "0 12 * * *", "Disabled"],
    ]
    assert timer("update", "--timer-name", "night", "--enabled", "false").json[0]["schedule"] == "0 2 * * *"
    assert timer("update", "--timer-name", "noon", "--schedule", "1 12 * * *").json[1]["status"] == "Disabled"
    assert [each["name"] for each in timer("remove", "--timer-name", "night").json] == ["noon"]
    assert timer("list", "-o", "table").out.splitlines()[2].split() == ["noon", "1", "12", "*", "*", "*", "Disabled"]
    (argument,) = live.client.tasks.get_details(*WHERE, task).properties.step.arguments
    assert argument.value == "s3cret"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("add", "--timer-name", "t", "--schedule", "0 2 * * *"), 1, "has a timer 't': change it with"),
        (("add", "--timer-name", "u", "--schedule", "@daily"), 1, "(InvalidRequest) properties.trigger.timerTriggers"),
        (("update", "--timer-name", "u", "--schedule", "0 2 * * *"), 3, "has no timer 'u'; there are: t\n"),
        (("remove", "--timer-name", "u"), 3, "has no timer 'u'; there are: t\n"),
    ],
)
def test_a_timer_that_cannot_be_is_one_line(live, timed, tmp_path, words, code, message):
    done = Inside(live.url, tmp_path)("task", "timer", words[0], "-n", timed, *words[1:])
    assert (done.code, done.out, len(done.err.splitlines())) == (code, "", 1)
    assert message in done.err


@pytest.fixture(scope="module")
def timed(live) -> str:
    """A task with a timer."""
    properties = {"step": {"type": "EncodedTask", "encodedTaskContent": "c3RlcHM6IFtdCg=="}}
    properties["trigger"] = {"timerTriggers": [{"name": "t", "schedule": "0 3 * * *"}]}
    live.client.tasks.create(*WHERE, "timed-task", {"location": "local", "properties": properties})
    return "timed-task"


def test_a_run_is_archived_and_no_longer(live, tmp_path):
    step = {"type": "EncodedTaskRunRequest", "encodedTaskContent": "c3RlcHM6IFtdCg==", "platform": {"os": "linux"}}
    run = live.ended(live.client.registries.schedule_run(*WHERE, step)).name
    for word, archived in (("false", True), ("true", False)):
        done = Inside(live.url, tmp_path)("task", "update-run", "--run-id", run, "--no-archive", word)
        assert done.json["isArchiveEnabled"] is archived
        assert live.client.runs.get(*WHERE, run).properties.is_archive_enabled is archived
