"""Run requests and overrides."""

import base64
import copy
import json

import pytest
from arm_samples import CONTEXT, DOCKER, ENCODED, FILE, REGISTRIES, SCOPE, SYSTEM, created
from azure.mgmt.containerregistrytasks import models as sdk

from baselift.arm import requests
from baselift.arm.errors import ApiError
from baselift.arm.secrets import map_secrets, mask
from baselift.domain.requests import run_type

TASK_ID = f"{SCOPE.id}/tasks/task1"
BUILD = {
    "type": "DockerBuildRequest",
    "imageNames": ["a:{{.Run.ID}}"],
    "isPushEnabled": True,
    "sourceLocation": "tasks-source/2026/x.tar.gz",
    "dockerFilePath": "0123456789abcdef0123456789abcdef_Dockerfile",
    "platform": {"os": "linux", "architecture": "amd64"},
    "arguments": [{"type": "Argument", "name": "A", "value": "s3cret", "isSecret": True}],
    "credentials": {},
}


def test_a_docker_build_request_gets_its_defaults():
    assert requests.parse(BUILD, SCOPE) == {
        "type": "DockerBuildRequest",
        "imageNames": ["a:{{.Run.ID}}"],
        "isPushEnabled": True,
        "noCache": False,
        "dockerFilePath": "0123456789abcdef0123456789abcdef_Dockerfile",
        "arguments": [{"name": "A", "value": "s3cret", "isSecret": True}],
        "sourceLocation": "tasks-source/2026/x.tar.gz",
        "isArchiveEnabled": False,
        "timeout": 3600,
        "platform": {"os": "linux", "architecture": "amd64"},
        "agentConfiguration": {"cpu": 2},
        "credentials": {},
    }


def test_a_build_without_image_names_does_not_push():
    request = {**BUILD, "imageNames": None, "isPushEnabled": False}
    assert requests.parse(request, SCOPE)["imageNames"] == []


def test_the_other_types_are_read():
    file = {"type": "FileTaskRunRequest", "taskFilePath": "acb.yaml", "values": [], "sourceLocation": CONTEXT}
    encoded = {"type": "EncodedTaskRunRequest", "encodedTaskContent": base64.b64encode(b"version: v1.1.0").decode()}
    assert requests.parse(file, SCOPE)["taskFilePath"] == "acb.yaml"
    assert requests.parse(encoded, SCOPE)["values"] == []
    assert requests.parse({"type": "TaskRunRequest", "taskId": TASK_ID}, SCOPE) == {
        "type": "TaskRunRequest",
        "taskId": TASK_ID,
        "overrideTaskStepProperties": {"arguments": [], "values": []},
        "isArchiveEnabled": False,
    }


@pytest.mark.parametrize("task_id", [TASK_ID.upper(), TASK_ID.lower(), TASK_ID + "/"])
def test_a_task_id_is_read_without_regard_to_case(task_id):
    assert requests.parse({"type": "TaskRunRequest", "taskId": task_id}, SCOPE)["taskId"] == task_id


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "type is required"),
        ({"type": "dockerbuildrequest"}, "type is 'dockerbuildrequest': it must be 'DockerBuildRequest' or"),
        ({**BUILD, "timeout": 10}, "timeout is 10: it must be a whole number from 300 to 28800"),
        ({**BUILD, "sourceLocation": None}, "sourceLocation is required"),
        ({**BUILD, "sourceLocation": "/dev/null"}, "sourceLocation is '/dev/null'"),
        ({**BUILD, "imageNames": []}, "isPushEnabled is true but imageNames is empty"),
        ({**BUILD, "platform": {"os": "Windows"}}, "platform.os is 'Windows'"),
        (
            {"type": "EncodedTaskRunRequest", "encodedTaskContent": "%%"},
            "encodedTaskContent is wrong: it must be the b",
        ),
        ({"type": "TaskRunRequest", "taskId": "task1"}, "taskId is 'task1': it must read /subscriptions/<id>/"),
        ({"type": "TaskRunRequest", "taskId": TASK_ID.replace("myregistry", "other")}, "registry 'other': it must be"),
        ({"type": "TaskRunRequest", "taskId": SCOPE.id + "/tasks/x"}, "must be 5 to 50 characters"),
        (
            {"type": "TaskRunRequest", "taskId": TASK_ID, "overrideTaskStepProperties": {"file": "/x"}},
            "overrideTaskStepProperties.file is '/x'",
        ),
    ],
)
def test_a_bad_request_is_refused(request_, message):
    with pytest.raises(ApiError) as caught:
        requests.parse(request_, SCOPE)
    assert message in caught.value.message
    assert caught.value.status == 400


def test_a_triggered_run_carries_the_step_as_it_is():
    task = created()
    properties, step = task["properties"], task["properties"]["step"]
    assert requests.override(task) == {
        "type": "DockerBuildRequest",
        "imageNames": step["imageNames"],
        "isPushEnabled": True,
        "noCache": False,
        "dockerFilePath": "Dockerfile-app",
        "arguments": step["arguments"],
        "contextAccessToken": "s3cret-pat",
        "sourceLocation": CONTEXT,
        "platform": properties["platform"],
        "timeout": 3600,
        "agentConfiguration": {"cpu": 2},
        "credentials": {},
    }


def test_overrides_change_arguments_by_name_and_the_rest_outright():
    changes = {
        "contextPath": "https://github.com/other/r.git",
        "file": "Dockerfile-b",
        "target": "final",
        "arguments": [{"name": "T", "value": "new"}, {"name": "N", "value": "3"}],
        "values": [],
        "updateTriggerToken": "dG9rZW4=",
    }
    request = requests.override(created(), changes)
    assert request["sourceLocation"] == "https://github.com/other/r.git"
    assert (request["dockerFilePath"], request["target"]) == ("Dockerfile-b", "final")
    assert request["arguments"] == [
        {"name": "A", "value": "1", "isSecret": False},
        {"name": "T", "value": "new", "isSecret": False},
        {"name": "N", "value": "3", "isSecret": False},
    ]
    assert request["updateTriggerToken"] == "dG9rZW4="
    assert request["contextAccessToken"] == "s3cret-pat"


@pytest.mark.parametrize("context", ["https://evil.example/r.git", "tasks-source/x.tar.gz"])
def test_the_access_token_goes_to_no_other_host(context):
    assert "contextAccessToken" not in requests.override(created(), {"contextPath": context})


def test_file_and_encoded_tasks_override_values():
    changes = {"values": [{"name": "V", "value": "2"}, {"name": "W", "value": "3"}], "file": "other.yaml"}
    file = requests.override(created(FILE), changes)
    assert (file["type"], file["taskFilePath"]) == ("FileTaskRunRequest", "other.yaml")
    assert [value["value"] for value in file["values"]] == ["2", "3"]
    encoded = requests.override(created(ENCODED), {"values": [{"name": "V", "value": "2"}]})
    assert encoded["type"] == "EncodedTaskRunRequest"
    assert "sourceLocation" not in encoded


@pytest.mark.parametrize(
    ("body", "changes", "name"),
    [
        (DOCKER, {"values": [{"name": "a", "value": "b"}]}, "values"),
        (FILE, {"target": "x"}, "target"),
        (ENCODED, {"file": "x"}, "file"),
    ],
)
def test_an_override_that_the_step_does_not_have_is_refused(body, changes, name):
    with pytest.raises(ApiError, match=f"overrideTaskStepProperties.{name} does not apply to a task with a"):
        requests.override(created(body), changes)


def test_a_task_without_a_step_cannot_be_run():
    with pytest.raises(ApiError, match="has no step") as caught:
        requests.override(created(SYSTEM))
    assert caught.value.status == 409


def test_a_task_run_request_overrules_pool_and_archive():
    task = created(agentPoolName="pool1", logTemplate="a")
    asked = requests.parse(
        {"type": "TaskRunRequest", "taskId": TASK_ID, "agentPoolName": "pool2", "isArchiveEnabled": True}, SCOPE
    )
    request = requests.expand(task, asked)
    assert (request["agentPoolName"], request["isArchiveEnabled"], request["logTemplate"]) == ("pool2", True, "a")


def test_the_carried_request_shares_nothing_with_the_task():
    task = created()
    before = copy.deepcopy(task)
    requests.override(task)["arguments"][0]["value"] = "changed"
    assert task == before


def test_run_types_follow_the_design():
    assert run_type({"type": "DockerBuildRequest"}, of_task=False) == "QuickBuild"
    assert run_type({"type": "EncodedTaskRunRequest"}, of_task=False) == "QuickRun"
    assert run_type(requests.override(created()), of_task=True) == "AutoBuild"
    assert run_type(requests.override(created(ENCODED)), of_task=True) == "AutoRun"


def test_the_secrets_of_every_request_are_found():
    values = [{"name": "V", "value": "s3cret-value", "isSecret": True}, {"name": "P", "value": "plain"}]
    carried = requests.override(created(credentials={"customRegistries": REGISTRIES}))
    asked = {"type": "TaskRunRequest", "taskId": TASK_ID, "overrideTaskStepProperties": {"values": values}}
    declared = {"properties": {"runRequest": asked}}
    for document in (carried, asked, declared, requests.parse(BUILD, SCOPE)):
        assert "s3cret" in json.dumps(document)
        assert "s3cret" not in json.dumps(mask(document))
    assert "plain" in json.dumps(mask(asked))


def test_sealing_and_unsealing_is_the_identity():
    task = created(credentials={"customRegistries": REGISTRIES})
    seen = []
    sealed = map_secrets(task, lambda text: seen.append(text) or {"sealed": text[::-1]})
    assert sorted(seen) == [
        "s3cret-arg", "s3cret-hook", "s3cret-password", "s3cret-pat", "s3cret-refresh", "s3cret-user"
    ]  # fmt: skip
    assert "s3cret" not in json.dumps(sealed)
    assert map_secrets(sealed, lambda value: value["sealed"][::-1]) == task


def test_masking_twice_is_masking_once():
    once = mask(created())
    assert mask(once) == once


def test_the_sdk_reads_a_request():
    read = sdk.RunRequest._deserialize(requests.parse(BUILD, SCOPE), [])
    assert isinstance(read, sdk.DockerBuildRequest)
    assert read.source_location == "tasks-source/2026/x.tar.gz"
