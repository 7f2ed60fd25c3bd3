"""Runs, task runs, agent pools, registries, names and errors."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from arm_samples import CONTEXT, REGISTRIES, SCOPE, created, guids
from azure.mgmt.containerregistrytasks import models as sdk

from baselift.arm import agent_pools, errors, names, registries, requests, runs, task_runs
from baselift.arm.errors import ApiError
from baselift.domain.runs import Cause, ImageDescriptor, Run, Status

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NODE = ImageDescriptor("localhost:5000", "baseimages/node", "9-alpine", "sha256:1")


def run(cause=Cause("request", "r1"), **changes):  # noqa: B008 - the value is immutable
    request = requests.override(created(credentials={"customRegistries": REGISTRIES}))
    made = Run(
        registry="myregistry",
        seq=1,
        id="da1",
        cause=cause,
        request=request,
        created=NOON,
        run_type="AutoBuild",
        task="task1",
    )
    return replace(made, **changes)


def test_a_queued_run_is_the_resource_the_cli_expects():
    shown = runs.show(run(), SCOPE)
    assert shown["id"] == f"{SCOPE.id}/runs/da1"
    assert (shown["name"], shown["type"]) == ("da1", "Microsoft.ContainerRegistry/registries/runs")
    assert shown["properties"] == {
        "runId": "da1",
        "status": "Queued",
        "runType": "AutoBuild",
        "task": "task1",
        "agentPoolName": None,
        "createTime": "2026-11-24T12:00:00+00:00",
        "startTime": None,
        "finishTime": None,
        "lastUpdatedTime": "2026-11-24T12:00:00+00:00",
        "outputImages": [],
        "runErrorMessage": None,
        "provisioningState": "Creating",
        "isArchiveEnabled": False,
        "platform": {"os": "linux", "architecture": "amd64"},
        "agentConfiguration": {"cpu": 2},
        "sourceRegistryAuth": None,
        "customRegistries": ["other.azurecr.io", "vault.azurecr.io"],
        "updateTriggerToken": None,
        "imageUpdateTrigger": None,
        "sourceTrigger": None,
        "timerTrigger": None,
    }


def test_a_run_never_shows_a_secret_of_its_request():
    assert "s3cret" not in json.dumps(runs.show(run(), SCOPE))


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Started", "Updating"),
        ("Running", "Updating"),
        ("Succeeded", "Succeeded"),
        ("Failed", "Failed"),
        ("Canceled", "Canceled"),
        ("Error", "Failed"),
        ("Timeout", "Failed"),
    ],
)
def test_the_provisioning_state_follows_the_status(status, state):
    assert runs.show(run(status=Status(status)), SCOPE)["properties"]["provisioningState"] == state


def test_a_moved_base_is_shown_as_an_image_update():
    cause = Cause("image", "localhost:5000/baseimages/node:9-alpine|2", "2026-11-24T11:59:59+00:00", (NODE,))
    shown = runs.show(run(cause), SCOPE)["properties"]
    assert shown["imageUpdateTrigger"]["timestamp"] == "2026-11-24T11:59:59+00:00"
    assert shown["imageUpdateTrigger"]["images"] == [
        {"registry": "localhost:5000", "repository": "baseimages/node", "tag": "9-alpine", "digest": "sha256:1"}
    ]
    assert (shown["sourceTrigger"], shown["timerTrigger"]) == (None, None)
    again = runs.show(run(cause, id="da2", task="task2"), SCOPE)["properties"]
    assert again["imageUpdateTrigger"]["id"] == shown["imageUpdateTrigger"]["id"]
    other = runs.show(run(replace(cause, key="other")), SCOPE)["properties"]
    assert other["imageUpdateTrigger"]["id"] != shown["imageUpdateTrigger"]["id"]


def test_a_timer_and_a_commit_are_shown_as_what_they_are():
    details = {"timerTriggerName": "t1", "scheduleOccurrence": "2026-11-24T21:00:00Z", "other": "x"}
    shown = runs.show(run(Cause("timer", "t1|x", details=details)), SCOPE)["properties"]
    assert shown["timerTrigger"] == {"timerTriggerName": "t1", "scheduleOccurrence": "2026-11-24T21:00:00Z"}
    assert shown["sourceTrigger"] is None
    commit = {"eventType": "Git Commit", "commitId": "abc", "branchName": "main"}
    source = runs.show(run(Cause("source", "abc", details=commit)), SCOPE)["properties"]["sourceTrigger"]
    assert (source["eventType"], source["commitId"], source["pullRequestId"]) == ("Git Commit", "abc", None)
    assert source["id"]


def test_the_sdk_reads_a_finished_run():
    east = timezone(timedelta(hours=2))
    done = run(
        Cause("image", "k", "2026-11-24T11:59:59.1234567Z", (NODE,)),
        status=Status.SUCCEEDED,
        started=NOON.astimezone(east),
        finished=NOON + timedelta(seconds=62),
        outputs=(ImageDescriptor("docker.io", "u/x", "da1", "sha256:2"),),
    )
    read = sdk.Run._deserialize(runs.show(done, SCOPE), [])
    assert read.properties.finish_time - read.properties.start_time == timedelta(seconds=62)
    assert runs.show(done, SCOPE)["properties"]["startTime"] == "2026-11-24T12:00:00+00:00"
    assert read.properties.output_images[0].registry == "registry.hub.docker.com"
    assert read.properties.image_update_trigger.images[0].tag == "9-alpine"
    assert read.properties.timer_trigger is None


@pytest.mark.parametrize(("body", "value"), [({}, None), ({"isArchiveEnabled": True}, True), ({"x": 1}, None)])
def test_a_run_patch_sets_only_the_archive_flag(body, value):
    assert runs.archive(body) is value


@pytest.mark.parametrize("body", [None, [], {"isArchiveEnabled": "yes"}])
def test_a_bad_run_patch_is_refused(body):
    with pytest.raises(ApiError, match="it must be"):
        runs.archive(body)


TASK_RUN = {
    "location": "eastus",
    "properties": {
        "forceUpdateTag": "1",
        "runRequest": {
            "type": "DockerBuildRequest",
            "imageNames": ["a:b"],
            "dockerFilePath": "Dockerfile",
            "sourceLocation": CONTEXT,
            "arguments": [{"name": "T", "value": "s3cret", "isSecret": True}],
        },
    },
}


class TestTaskRun:
    def made(self, body=TASK_RUN, existing=None):
        return task_runs.create(body, existing, scope=SCOPE, name="declared", ids=guids())

    def test_its_state_is_that_of_its_run(self):
        document = self.made()
        fresh = task_runs.show(document, None, SCOPE, secrets=False)
        assert fresh["id"] == f"{SCOPE.id}/taskRuns/declared"
        assert (fresh["properties"]["provisioningState"], fresh["properties"]["runResult"]) == ("Creating", None)
        done = task_runs.show(document, run(status=Status.FAILED), SCOPE, secrets=True)
        assert done["properties"]["provisioningState"] == "Failed"
        read = sdk.TaskRun._deserialize(done, [])
        assert read.properties.run_result.properties.run_id == "da1"
        assert read.properties.run_request.arguments[0].value == "s3cret"
        assert "s3cret" not in json.dumps(fresh)

    def test_it_runs_again_when_its_tag_changes(self):
        document = self.made()
        patch = {"properties": {"forceUpdateTag": "2"}}
        changed = task_runs.merge(document, patch, scope=SCOPE, ids=guids())
        assert changed["properties"]["runRequest"] == document["properties"]["runRequest"]
        assert task_runs.starts_run(document, None)
        assert task_runs.starts_run(changed, document)
        assert not task_runs.starts_run(self.made(existing=document), document)

    def test_its_task_must_be_of_the_same_registry(self):
        request = {"type": "TaskRunRequest", "taskId": SCOPE.id.replace("myregistry", "other1") + "/tasks/task1"}
        with pytest.raises(ApiError, match="registry 'other1': it must be of 'myregistry'"):
            self.made({"properties": {"runRequest": request}})

    def test_a_request_is_required(self):
        with pytest.raises(ApiError, match=r"properties\.runRequest is required"):
            self.made({"properties": {}})


class TestAgentPool:
    def test_it_is_made_and_its_count_changes(self):
        body = {"location": "l", "properties": {"count": 1, "tier": "s1", "os": "linux"}}
        pool = agent_pools.create(body, scope=SCOPE, name="pool1")
        assert pool["properties"] == {"provisioningState": "Succeeded", "count": 1, "tier": "S1", "os": "Linux"}
        more = agent_pools.merge(pool, {"properties": {"count": 5, "tier": "S3"}, "tags": {"a": "b"}})
        assert (more["properties"]["count"], more["properties"]["tier"], more["tags"]) == (5, "S1", {"a": "b"})
        assert sdk.AgentPool._deserialize(more, []).properties.count == 5
        assert agent_pools.queue_status(3) == {"count": 3}

    @pytest.mark.parametrize(("name", "count"), [("p", 1), ("pool_1", 1), ("pool1", -1), ("pool1", 101)])
    def test_a_bad_pool_is_refused(self, name, count):
        with pytest.raises(ApiError, match="must be"):
            agent_pools.create({"location": "l", "properties": {"count": count}}, scope=SCOPE, name=name)


def test_the_registry_has_what_the_cli_reads():
    shown = registries.show(SCOPE, "localhost:5000", created="2026-11-24T00:00:00Z")
    assert shown["id"] == SCOPE.id
    assert shown["sku"]["name"] == "Standard"
    assert shown["properties"]["loginServer"] == "localhost:5000"
    assert registries.resource(SCOPE)["type"] == "Microsoft.ContainerRegistry/registries"
    assert (
        registries.resource_group(SCOPE)["id"]
        == "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg"
    )
    assert registries.subscription("s", "Name", "t")["id"] == "/subscriptions/s"
    assert registries.tenant("t")["tenantId"] == "t"


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        (None, True),
        ("resourceType eq 'Microsoft.ContainerRegistry/registries'", True),
        ("ResourceType EQ 'microsoft.containerregistry/REGISTRIES'", True),
        ("resourceType eq 'Microsoft.Compute/disks'", False),
    ],
)
def test_the_resource_list_knows_when_registries_are_meant(text, asks):
    assert registries.is_registry_query(text) is asks


def test_a_task_id_gives_registry_and_task():
    assert names.parse_task_id(names.task_id(SCOPE, "Task-1")) == ("myregistry", "Task-1")


@pytest.mark.parametrize("text", ["", "task1", SCOPE.id, SCOPE.id + "/tasks/", SCOPE.id + "/runs/da1", "x" * 999])
def test_any_other_id_is_no_task_id(text):
    with pytest.raises(ApiError, match="it must read /subscriptions/"):
        names.parse_task_id(text)


@pytest.mark.parametrize("name", ["abcd", "a_bcde", "a" * 51, "abc.de"])
def test_a_registry_name_outside_the_rules_is_refused(name):
    with pytest.raises(ApiError, match="must be 5 to 50 characters of A-Z a-z 0-9 -"):
        names.check_registry(name)


def test_the_usual_names_are_taken():
    names.check_registry("my-registry1")
    names.check_task("task_hello-1")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.invalid("m", "t"), 400, "InvalidRequest"),
        (errors.unauthorized("m"), 401, "Unauthorized"),
        (errors.forbidden("m"), 403, "AuthorizationFailed"),
        (errors.not_found("task", "t"), 404, "ResourceNotFound"),
        (errors.group_not_found("g"), 404, "ResourceGroupNotFound"),
        (errors.conflict("m"), 409, "Conflict"),
        (errors.too_large("m"), 413, "RequestEntityTooLarge"),
    ],
)
def test_an_error_is_printed_as_arm_does(error, status, code):
    assert error.status == status
    assert error.body()["error"]["code"] == code
    assert error.body()["error"]["message"]
    assert error.body()["error"].get("target") == ("t" if status == 400 else None)
    assert errors.not_found("task", "t", within="registry 'r'").message == "The task 't' was not found in registry 'r'."
