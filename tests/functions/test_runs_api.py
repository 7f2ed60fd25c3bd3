"""Runs of the REST API, by the official SDK, on the running app."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobClient
from live_app import BLOB_VERSION, BUILDS, FINAL, REGISTRY_ID, WHERE, Live, packed, until

SLEEP = "RUN /bin/busybox sleep 60"
NOTHING = {
    "task": None,
    "agentPoolName": None,
    "imageUpdateTrigger": None,
    "sourceTrigger": None,
    "timerTrigger": None,
    "sourceRegistryAuth": None,
    "customRegistries": [],
    "updateTriggerToken": None,
    "runErrorMessage": None,
}
LINUX = {"platform": {"os": "linux", "architecture": "amd64"}, "agentConfiguration": {"cpu": 2}}


@pytest.fixture
def runs(live):
    return live.client.runs


def times(run: Any) -> list[Any]:
    """Takes the times out of an answered run's properties; in the order they must be in."""
    properties = run.properties
    return [properties.create_time, properties.start_time, properties.finish_time]


def fields(run: Any) -> dict[str, Any]:
    """An answered run's properties but its times."""
    return {name: value for name, value in run.as_dict()["properties"].items() if not name.endswith("Time")}


def created_task(live: Live, name: str, source: str, **step: Any) -> str:
    step = {
        "type": "Docker",
        "dockerFilePath": "Dockerfile",
        "contextPath": source,
        "imageNames": [f"{name}:{{{{.Run.ID}}}}"],
        **step,
    }
    live.client.tasks.create(*WHERE, name, {"location": "local", "properties": {"step": step}})
    return f"{REGISTRY_ID}/tasks/{name}"


def task_run(live: Live, task: str, **overrides: Any) -> Any:
    request = {"type": "TaskRunRequest", "taskId": task, "overrideTaskStepProperties": overrides}
    return live.client.registries.schedule_run(*WHERE, request)


def slow(live: Live, base: str, **options: Any) -> Any:
    return live.build({"Dockerfile": f"FROM {base}\nRUN echo asleep\n{SLEEP}\n"}, **options)


def test_a_build_of_an_uploaded_source_is_queued_and_then_succeeds(live, runs, base):
    queued = live.build(
        {"Dockerfile": f"FROM {base}\nRUN echo built\n"}, "fields/app:{{.Run.ID}}", isArchiveEnabled=True
    )
    assert queued.id == f"{REGISTRY_ID}/runs/{queued.name}"
    assert queued.type == "Microsoft.ContainerRegistry/registries/runs"
    common = {"runId": queued.name, "runType": "QuickBuild", "isArchiveEnabled": True, **NOTHING, **LINUX}
    assert fields(queued) == common | {"status": "Queued", "provisioningState": "Creating", "outputImages": []}
    assert times(queued)[1:] == [None, None]
    ended = live.ended(queued)
    image = {"registry": live.host, "repository": "fields/app", "tag": queued.name}
    (output,) = fields(ended)["outputImages"]
    assert output == image | {"digest": output["digest"]}
    digest = live.send_registry("HEAD", f"fields/app/manifests/{queued.name}").headers["docker-content-digest"]
    assert output["digest"] == digest
    done = {"status": "Succeeded", "provisioningState": "Succeeded", "outputImages": [output]}
    assert fields(ended) == common | done
    assert times(ended) == sorted(times(ended))
    assert times(ended)[0] == times(queued)[0]
    assert ended.properties.last_updated_time == ended.properties.finish_time


def test_the_upload_url_takes_a_source_once_named_by_its_relative_path(live):
    first, second = (live.client.registries.get_build_source_upload_url(*WHERE) for _ in range(2))
    assert first.relative_path.startswith("tasks-source/")
    assert first.relative_path.endswith(".tar.gz")
    assert first.relative_path != second.relative_path
    with BlobClient.from_blob_url(first.upload_url, api_version=BLOB_VERSION) as blob:
        blob.upload_blob(packed({"Dockerfile": "FROM scratch\n"}))
    signature = first.upload_url.partition("?")[2]
    elsewhere = f"{second.upload_url.partition('?')[0]}?{signature}"
    with BlobClient.from_blob_url(elsewhere, api_version=BLOB_VERSION) as blob:
        with pytest.raises(HttpResponseError) as refused:
            blob.upload_blob(b"not here")
        assert refused.value.status_code == 403


def test_the_log_has_crlf_lines_and_its_mark_comes_after_the_runs_end(live, runs, base):
    run = live.build({"Dockerfile": f"FROM {base}\nRUN echo one; echo two\n"})
    with live.log_blob(run.name) as blob:
        mark = until(lambda: (blob.get_blob_properties().metadata or {}).get("complete"))
        ended = runs.get(*WHERE, run.name)
        text = blob.download_blob().readall().decode()
    assert mark == "successful"
    assert ended.properties.status == "Succeeded"
    assert text.replace("\r\n", "").count("\n") == 0
    assert text.endswith("\r\n")
    lines = text.split("\r\n")
    assert [line for line in lines if line in {"one", "two"}] == ["one", "two"]
    assert lines[-2].startswith(f"Run ID: {run.name} was successful after ")


def test_a_log_link_reads_and_cannot_write(live):
    run = live.build({"Dockerfile": "FROM nowhere.invalid/x\n"})
    assert "nowhere.invalid" in live.log(run.name)
    link = live.client.runs.get_log_sas_url(*WHERE, run.name)
    assert link.log_artifact_link is None
    with BlobClient.from_blob_url(link.log_link, api_version=BLOB_VERSION) as blob:
        assert blob.get_blob_properties().metadata["complete"] == "failed"
        with pytest.raises(HttpResponseError) as refused:
            blob.set_blob_metadata({"complete": "successful"})
        assert refused.value.status_code == 403


def test_a_build_from_git_takes_the_branch_the_directory_and_the_arguments(live, source, base):
    live.git.commit("source", {"sub/Dockerfile": f"FROM {base}\nARG WHO\nRUN echo branch says $WHO\n"}, branch="topic")
    request = {
        "type": "DockerBuildRequest",
        "sourceLocation": f"{source}#topic:sub",
        "dockerFilePath": "Dockerfile",
        "isPushEnabled": False,
        "arguments": [{"name": "WHO", "value": "git"}],
    }
    run = live.ended(live.client.registries.schedule_run(*WHERE, request))
    assert "\r\nbranch says git\r\n" in live.log(run.name)
    assert (run.properties.status, run.properties.output_images) == ("Succeeded", [])


def test_a_task_run_builds_the_tasks_step(live, source):
    run = task_run(live, created_task(live, "plaintask", source))
    common = {"runId": run.name, "runType": "AutoBuild", "isArchiveEnabled": False, **NOTHING, **LINUX}
    assert fields(run) == common | {
        "task": "plaintask",
        "status": "Queued",
        "provisioningState": "Creating",
        "outputImages": [],
    }
    ended = live.ended(run)
    (image,) = ended.properties.output_images
    assert (image.registry, image.repository, image.tag) == (live.host, "plaintask", run.name)
    log = live.log(run.name)
    assert "\r\nhello nobody from first\r\n" in log
    assert "\r\nlast stage\r\n" in log


def test_overrides_hold_for_one_run(live, source):
    task = created_task(live, "overridden", source, arguments=[{"name": "WHO", "value": "task"}])
    who = [{"name": "WHO", "value": "override"}]
    other = live.log(task_run(live, task, file="other.Dockerfile", arguments=who).name)
    assert "\r\nother override\r\n" in other
    first = live.log(task_run(live, task, target="first").name)
    assert "\r\nhello task from first\r\n" in first
    assert "last stage" not in first
    sub = live.log(task_run(live, task, contextPath=f"{source}#:sub").name)
    assert "\r\nin sub\r\n" in sub
    assert live.client.tasks.get(*WHERE, "overridden").properties.step.context_path == source


def test_a_secret_argument_is_used_and_never_shown(live, base):
    dockerfile = f'FROM {base}\nARG TOKEN\nRUN echo "$TOKEN" | /bin/busybox wc -c; echo the token is $TOKEN\n'
    argument = {"name": "TOKEN", "value": "s3cret-of-this-run", "isSecret": True}
    run = live.build({"Dockerfile": dockerfile}, arguments=[argument])
    log = live.log(run.name)
    assert "\r\n19\r\n" in log
    assert "the token is ***\r\n" in log
    assert "s3cret-of-this-run" not in log
    assert "s3cret-of-this-run" not in str(live.client.runs.get(*WHERE, run.name).as_dict())


def test_a_run_of_a_task_that_is_not_there_is_refused(live):
    with pytest.raises(ResourceNotFoundError) as refused:
        task_run(live, f"{REGISTRY_ID}/tasks/absent")
    assert refused.value.error.message == "task 'absent' does not exist in registry 'baselift'"
    with pytest.raises(HttpResponseError) as refused:
        task_run(live, REGISTRY_ID.replace("baselift", "another") + "/tasks/absent")
    assert (refused.value.status_code, refused.value.error.target) == (400, "taskId")


def test_a_build_that_fails_says_why_and_pushes_nothing(live, base):
    run = live.ended(live.build({"Dockerfile": f"FROM {base}\nRUN exit 7\n"}, "failed/app:1"))
    assert (run.properties.status, run.properties.provisioning_state) == ("Failed", "Failed")
    assert "7" in run.properties.run_error_message
    assert live.log(run.name).rstrip().endswith(f"Error: {run.properties.run_error_message}")
    assert live.send_registry("HEAD", "failed/app/manifests/1").status == 404


def test_a_request_sent_again_with_its_id_is_the_same_run(live, runs):
    request = {"type": "DockerBuildRequest", "sourceLocation": "https://unreachable.invalid/a.git"}
    request |= {"dockerFilePath": "Dockerfile", "isPushEnabled": False}
    header = {"x-ms-client-request-id": str(uuid4())}

    def schedule(body, headers):
        return live.client.registries.schedule_run(*WHERE, body, headers=headers).name

    first = schedule(request, header)
    assert schedule(request, header) == first
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(schedule, [request] * 4, [header] * 4)) == {first}
    live.ended(runs.get(*WHERE, first))
    assert schedule(request, header) == first
    assert schedule(request | {"noCache": True}, header) != first
    assert schedule(request, {"x-ms-client-request-id": str(uuid4())}) != first


@pytest.mark.parametrize("name", ["/\\#?'|%" * 50, "x" * 5000, "", "a\tb", "\xe4\xf6"])
def test_a_strange_request_id_is_only_an_id(live, name):
    request = {"type": "DockerBuildRequest", "sourceLocation": "https://unreachable.invalid/a.git"}
    request |= {"dockerFilePath": "Dockerfile", "isPushEnabled": False}
    answers = [live.ask("POST", "scheduleRun", request, **{"x-ms-client-request-id": name}) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    first, second = (answer.json["name"] for answer in answers)
    assert (first == second) == bool(name)


def test_a_running_run_is_canceled_within_seconds(live, runs, base):
    run = live.running(slow(live, base))
    assert run.properties.provisioning_state == "Updating"
    begun = time.monotonic()
    assert runs.cancel(*WHERE, run.name) is None
    ended = live.ended(run)
    assert time.monotonic() - begun < 15
    assert (ended.properties.status, ended.properties.provisioning_state) == ("Canceled", "Canceled")
    with live.log_blob(run.name) as blob:
        assert until(lambda: (blob.get_blob_properties().metadata or {}).get("complete")) == "canceled"
    assert live.log(run.name).rstrip().endswith("Error: the run was canceled")


def test_a_queued_run_is_canceled_at_once_and_one_that_is_over_cannot_be(live, runs, base):
    busy = [live.running(slow(live, base)) for _ in range(BUILDS)]
    waiting = live.build({"Dockerfile": f"FROM {base}\n"}, "waiting/app:1")
    answer = live.ask("POST", f"runs/{waiting.name}/cancel")
    assert (answer.status, answer.content) == (200, b"")
    canceled = runs.get(*WHERE, waiting.name)
    assert (canceled.properties.status, canceled.properties.start_time) == ("Canceled", None)
    assert canceled.properties.finish_time - canceled.properties.create_time < timedelta(seconds=10)
    line = rf"Run ID: {waiting.name} failed after \d+s\. Error: the run was canceled\r\n"
    assert re.fullmatch(line, live.log(waiting.name))
    for run in busy:
        runs.cancel(*WHERE, run.name)
    with pytest.raises(ResourceExistsError) as refused:
        runs.cancel(*WHERE, waiting.name)
    assert (refused.value.status_code, refused.value.error.code) == (409, "Conflict")
    assert refused.value.error.message == f"run '{waiting.name}' is over already: Canceled"
    assert [live.ended(run).properties.status for run in busy] == ["Canceled"] * BUILDS
    assert runs.get(*WHERE, waiting.name).properties.status == "Canceled"


@pytest.mark.parametrize("name", ["zz999", "x", "not-a-run", "dn%20", "da99999999999"])
def test_an_unknown_run_is_404_for_every_operation(live, name):
    for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/listLogSasUrl")):
        answer = live.ask(method, f"runs/{name}{path}")
        assert (answer.status, answer.code) == (404, "ResourceNotFound")


def test_every_run_that_began_is_over_or_can_be_read(runs):
    found = list(runs.list(*WHERE))
    assert {run.properties.status for run in found} <= FINAL | {"Queued", "Running"}
    assert [run.name for run in found] == sorted((run.name for run in found), key=lambda name: -int(name[2:], 36))
