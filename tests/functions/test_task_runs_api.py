"""Task runs of the REST API, by the official SDK, on the running app."""

import copy
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from live_app import REGISTRY_ID, WHERE, Live

TASK_RUN = f"{REGISTRY_ID}/taskRuns/"


@pytest.fixture
def task_runs(live):
    return live.client.task_runs


@pytest.fixture(scope="module")
def upload(live: Live, base: str) -> str:
    """A source that builds at once."""
    return live.upload({"Dockerfile": f"FROM {base}\nARG TOKEN\nRUN echo $WHO declared\n"})


def declared(upload: str, tag: str | None = "1", **request: Any) -> dict[str, Any]:
    asked = {
        "type": "DockerBuildRequest",
        "sourceLocation": upload,
        "dockerFilePath": "Dockerfile",
        "isPushEnabled": False,
        "arguments": [{"name": "TOKEN", "value": "s3cret-declared", "isSecret": True}],
        **request,
    }
    return {"location": "local", "properties": {"runRequest": asked, "forceUpdateTag": tag}}


def run_of(task_run: Any) -> str:
    return str(task_run.properties.run_result.name)


def test_a_declared_run_is_made_and_the_client_waits_for_its_end(live, task_runs, upload):
    made = task_runs.begin_create(*WHERE, "whole-story", declared(upload), polling_interval=1).result()
    shown = made.as_dict()
    result = shown["properties"].pop("runResult")
    request = shown["properties"]["runRequest"]
    assert shown == {
        "id": f"{TASK_RUN}whole-story",
        "name": "whole-story",
        "type": "Microsoft.ContainerRegistry/registries/taskRuns",
        "location": "local",
        "tags": {},
        "properties": {"provisioningState": "Succeeded", "forceUpdateTag": "1", "runRequest": request},
    }
    assert request == declared(upload)["properties"]["runRequest"] | {
        "arguments": [{"name": "TOKEN", "value": None, "isSecret": True}],
        "imageNames": [],
        "noCache": False,
        "isArchiveEnabled": False,
        "timeout": 3600,
        "platform": {"os": "linux", "architecture": "amd64"},
        "agentConfiguration": {"cpu": 2},
        "credentials": {},
    }
    run = live.client.runs.get(*WHERE, run_of(made))
    assert result == run.as_dict()
    assert (run.properties.status, run.properties.run_type) == ("Succeeded", "QuickBuild")


def test_the_first_answer_comes_before_the_run_is_over_and_hands_out_no_links(live, upload):
    answer = live.ask("PUT", "taskRuns/first-answer", declared(upload))
    assert answer.status == 200
    assert answer.headers["retry-after"] == "1"
    assert not {"azure-asyncoperation", "location", "operation-location"} & set(answer.headers)
    properties = answer.json["properties"]
    assert properties["provisioningState"] == "Creating"
    assert properties["runResult"]["properties"]["status"] == "Queued"
    assert live.ask("GET", "taskRuns/First-Answer").headers["retry-after"] == "1"


def test_the_same_again_makes_no_run_and_another_tag_makes_one(live, task_runs, upload):
    runs = [live.ask("PUT", "taskRuns/again-and-again", declared(upload, tag)).json for tag in ("1", "1", "2", "1")]
    first, same, second, third = (run["properties"]["runResult"]["name"] for run in runs)
    assert first == same
    assert len({first, second, third}) == 3
    assert run_of(task_runs.get(*WHERE, "again-and-again")) == third


def test_an_update_with_another_tag_makes_a_run_and_keeps_the_request(task_runs, upload):
    made = task_runs.begin_create(*WHERE, "updated-later", declared(upload), polling=False).result()
    patch = {"properties": {"forceUpdateTag": "2"}}
    changed = task_runs.begin_update(*WHERE, "updated-later", patch, polling_interval=1).result()
    assert run_of(changed) != run_of(made)
    assert changed.properties.provisioning_state == "Succeeded"
    assert changed.properties.force_update_tag == "2"
    assert changed.properties.run_request == made.properties.run_request
    again = task_runs.begin_update(*WHERE, "updated-later", patch, polling_interval=1).result()
    assert run_of(again) == run_of(changed)
    assert task_runs.get_details(*WHERE, "updated-later").properties.run_request.arguments[0].value == "s3cret-declared"


def test_details_have_the_secrets_and_nothing_else_has(live, task_runs, upload):
    answers = [live.ask("PUT", "taskRuns/with-a-secret", declared(upload))]
    answers += [live.ask("GET", path) for path in ("taskRuns/with-a-secret", "taskRuns")]
    assert [answer.status for answer in answers] == [200] * 3
    assert b"s3cret-declared" not in b"".join(answer.content for answer in answers)
    details = task_runs.get_details(*WHERE, "with-a-secret")
    assert details.properties.run_request.arguments[0].value == "s3cret-declared"
    shown = task_runs.get(*WHERE, "with-a-secret")
    assert details.properties.run_result.name == shown.properties.run_result.name


def test_a_run_of_a_task_can_be_declared(live, task_runs, source):
    step = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": source, "isPushEnabled": False}
    live.client.tasks.create(*WHERE, "declared-task", {"location": "local", "properties": {"step": step}})
    overrides = {"arguments": [{"name": "WHO", "value": "declared"}]}
    request = {
        "type": "TaskRunRequest",
        "taskId": f"{REGISTRY_ID}/tasks/declared-task",
        "overrideTaskStepProperties": overrides,
    }
    body = {"location": "local", "properties": {"runRequest": request}}
    made = task_runs.begin_create(*WHERE, "of-a-task", body, polling_interval=1).result()
    result = made.properties.run_result
    assert (result.properties.task, result.properties.run_type) == ("declared-task", "AutoBuild")
    assert "hello declared from first" in live.log(result.name)


def test_a_run_that_fails_makes_the_task_run_fail(task_runs):
    poller = task_runs.begin_create(*WHERE, "which-fails", declared("tasks-source/absent.tar.gz"), polling_interval=1)
    with pytest.raises(HttpResponseError):
        poller.result()
    found = task_runs.get(*WHERE, "which-fails").properties
    assert found.provisioning_state == "Failed"
    assert "absent.tar.gz" in found.run_result.properties.run_error_message


def test_the_list_has_every_task_run_with_its_run(live, task_runs, upload):
    for name in ("listed-one", "listed-two"):
        live.ask("PUT", f"taskRuns/{name}", declared(upload))
    found = {each.name: each for each in task_runs.list(*WHERE)}
    assert {"listed-one", "listed-two"} <= set(found)
    one = task_runs.get(*WHERE, "LISTED-ONE")
    assert run_of(found["listed-one"]) == run_of(one)


def test_a_task_run_is_deleted_with_200_and_what_is_not_there_with_204(live, task_runs, upload):
    made = live.ask("PUT", "taskRuns/to-be-deleted", declared(upload)).json
    assert [live.ask("DELETE", "taskRuns/to-be-deleted").status for _ in range(2)] == [200, 204]
    for missing in (task_runs.get, task_runs.get_details):
        with pytest.raises(ResourceNotFoundError, match="to-be-deleted"):
            missing(*WHERE, "to-be-deleted")
    assert live.client.runs.get(*WHERE, made["properties"]["runResult"]["name"]).properties.run_id
    task_runs.delete(*WHERE, "to-be-deleted")


ABSENT = {"type": "TaskRunRequest", "taskId": f"{REGISTRY_ID}/tasks/nosuchtask"}
BAD: list[tuple[str, dict[str, Any], int, str]] = [
    ("PATCH", {"properties": {"forceUpdateTag": "1"}}, 404, "absent-run"),
    ("PUT", {"properties": {}}, 400, "properties.runRequest is required"),
    ("PUT", declared("tasks-source/x.tar.gz", agentPoolName="nopool"), 400, "agentPoolName is 'nopool'"),
    ("PUT", {"properties": {"runRequest": ABSENT}}, 404, "task 'nosuchtask' does not exist"),
    ("PUT", {"properties": {"runRequest": {"type": "TaskRunRequest", "taskId": "t"}}}, 400, "taskId"),
]


@pytest.mark.parametrize(("method", "body", "status", "message"), BAD)
def test_what_cannot_be_declared_is_refused_and_not_stored(live, method, body, status, message):
    refused = live.ask(method, "taskRuns/absent-run", copy.deepcopy(body))
    assert refused.status == status
    assert message in refused.message
    assert live.ask("GET", "taskRuns/absent-run").status == 404
