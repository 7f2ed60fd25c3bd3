"""`baselift build`."""

import time

import pytest
from live_app import WHERE, until


def test_a_directory_is_built_and_pushed_without_what_its_dockerignore_names(live, baselift, context):
    done = baselift(
        "build", "-t", "cli/app:{{.Run.ID}}", "-t", "cli/app:latest", "--build-arg", "WHO=you", str(context)
    )
    assert done.code == 0
    assert done.err.splitlines()[0].startswith("Uploading archived source code (")
    run = done.err.splitlines()[1].removeprefix("Queued a run with ID: ")
    lines = done.out.splitlines()
    assert "hello you" in lines
    seen = {line for line in lines if line.startswith("./")}
    assert seen == {"./Dockerfile", "./.dockerignore", "./important.log", "./kept/file"}
    assert lines[-1].startswith(f"Run ID: {run} was successful after ")
    assert "\r" not in done.out
    assert done.out == live.log(run).replace("\r\n", "\n")
    for tag in (run, "latest"):
        assert live.send_registry("HEAD", f"cli/app/manifests/{tag}").status == 200


@pytest.mark.campaign
def test_a_dockerfile_may_be_ignored_or_outside_of_the_source_and_two_builds_are_one_image(baselift, context, tmp_path):
    (context / "Dockerfile").rename(tmp_path / "own.Dockerfile")
    digests = []
    for _ in range(2):
        done = baselift("build", "-f", "own.Dockerfile", "-t", "cli/outside:1", "--no-logs", str(context))
        assert done.code == 0, done.err
        digests.append(done.json["outputImages"][0]["digest"])
    assert digests[0] == digests[1]
    (context / ".dockerignore").write_text("Dockerfile\n")
    (tmp_path / "own.Dockerfile").rename(context / "Dockerfile")
    assert baselift("build", str(context)).code == 0


def test_a_git_repository_is_built_by_the_server(baselift, source):
    done = baselift("build", "--target", "first", "--secret-build-arg", "WHO=s3cret-name", source)
    assert done.code == 0
    assert done.err.startswith("Queued a run with ID: ")
    assert "hello ***" in done.out.splitlines()
    assert "last stage" not in done.out
    assert "s3cret-name" not in done.out + done.err
    assert "Pushing" not in done.out


def test_a_failed_build_ends_with_1_and_one_line(live, baselift, source):
    done = baselift("build", "-t", "cli/failed:1", "-f", "failing", source)
    assert done.code == 1
    assert done.err.splitlines()[1:] == ["ERROR: Run failed"]
    assert " failed after " in done.out.splitlines()[-1]
    assert live.send_registry("HEAD", "cli/failed/manifests/1").status == 404


def test_without_waiting_the_command_ends_when_the_run_is_queued(live, baselift, source):
    done = baselift("build", "--no-wait", source)
    assert (done.code, done.out) == (0, "")
    run = done.err.strip().removeprefix("Queued a run with ID: ")
    assert live.ended(live.client.runs.get(*WHERE, run)).properties.status == "Succeeded"


@pytest.mark.parametrize("form", ["json", "tsv", "table"])
def test_without_logs_the_run_is_printed_at_its_end(baselift, source, form):
    done = baselift("build", "--no-logs", "-o", form, source)
    assert done.code == 0
    assert "hello" not in done.out
    run = done.err.strip().removeprefix("Queued a run with ID: ")
    if form == "json":
        assert (done.json["runId"], done.json["status"]) == (run, "Succeeded")
    elif form == "tsv":
        assert done.rows[0][:5] == [run, "", "linux", "Succeeded", "Manual"]
    else:
        assert done.out.splitlines()[0].split() == [
            "RUN",
            "ID",
            "TASK",
            "PLATFORM",
            "STATUS",
            "TRIGGER",
            "STARTED",
            "DURATION",
        ]


def test_without_logs_a_failed_run_ends_with_1_too(baselift, source):
    done = baselift("build", "--no-logs", "-f", "failing", source)
    assert (done.code, done.json["status"]) == (1, "Failed")


def test_lines_arrive_while_the_run_goes_on_and_a_canceled_run_ends_the_command(live, baselift, context, base):
    (context / "Dockerfile").write_text(f"FROM {base}\nRUN echo first words; /bin/busybox sleep 60\n")
    process = baselift.started("build", str(context))
    assert process.stdout is not None
    begun = time.monotonic()
    try:
        until(lambda: process.stdout.readline().strip() == "first words" or None)
        assert process.poll() is None
        (run,) = live.client.runs.list(*WHERE, filter="Status eq 'Running'", top=1)
        assert baselift("task", "cancel-run", "--run-id", run.name).code == 0
        rest = process.stdout.read()
        assert process.wait(20) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert rest.splitlines()[-1].endswith("Error: the run was canceled")
    assert time.monotonic() - begun < 40


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent"], "source 'absent' is neither a directory nor the URL of a git repository"),
        (["git@host:r.git"], "source 'git@host:r.git' is neither a directory nor the URL of a git repository"),
        (["context", "-f", "Nope"], "Dockerfile 'Nope' is not in 'context'"),
        (["context", "--build-arg", "=x"], "argument '=x' must be NAME=VALUE"),
        (["context", "--platform", "linux/arm64/v8/x"], "--platform is 'linux/arm64/v8/x': it must be os"),
        (["context", "--platform", "linux/"], "--platform is 'linux/': it must be os"),
    ],
)
def test_what_the_command_can_see_itself_is_one_line_and_uploads_nothing(baselift, context, words, message):
    _ = context
    done = baselift("build", *words)
    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith(f"ERROR: {message}")


def test_what_the_server_refuses_is_one_line(baselift, source):
    done = baselift("build", "--platform", "windows/amd64", source)
    assert (done.code, done.out) == (1, "")
    line = "ERROR: (InvalidRequest) platform.os is 'windows': it must be 'Linux'; Baselift builds no Windows images.\n"
    assert done.err == line
