"""PUT and GET of the task resource, and its identity."""

import copy
import json

import pytest
from arm_samples import (
    CONTEXT,
    DOCKER,
    ENCODED,
    FILE,
    IDENTITY,
    LATER,
    NOW,
    REGISTRIES,
    SCOPE,
    SYSTEM,
    created,
    guids,
    patched,
    put,
)
from azure.mgmt.containerregistrytasks import models as sdk

from baselift.arm import tasks
from baselift.arm.errors import ApiError
from baselift.domain.runs import BaseUse, ImageDescriptor


def test_a_created_task_is_the_resource_the_cli_expects():
    task = created()
    assert task["id"] == f"{SCOPE.id}/tasks/task1"
    assert (task["name"], task["type"]) == ("task1", "Microsoft.ContainerRegistry/registries/tasks")
    assert task["systemData"]["createdBy"] == "someone"
    assert task["properties"]["provisioningState"] == "Succeeded"
    assert task["properties"]["creationDate"] == NOW
    assert task["properties"]["platform"] == {"os": "linux", "architecture": "amd64"}
    assert task["properties"]["step"]["arguments"][0] == {"name": "A", "value": "1", "isSecret": False}


def test_a_sparse_task_gets_the_defaults():
    body = {"location": "l", "properties": {"step": {**FILE["properties"]["step"], "values": None}}}
    assert created(body)["properties"] == {
        "provisioningState": "Succeeded",
        "creationDate": NOW,
        "status": "Enabled",
        "isSystemTask": False,
        "timeout": 3600,
        "platform": {"os": "linux", "architecture": "amd64"},
        "agentConfiguration": {"cpu": 2},
        "step": {"type": "FileTask", "taskFilePath": "acb.yaml", "values": [], "contextPath": CONTEXT},
        "trigger": {},
        "credentials": {},
    }


def test_a_system_task_needs_no_step():
    assert "step" not in created(SYSTEM)["properties"]


def test_a_base_image_trigger_that_is_not_sent_is_none():
    assert "baseImageTrigger" not in created(trigger={})["properties"]["trigger"]


def test_unknown_and_read_only_fields_are_dropped():
    task = created(put("properties.step.baseImageDependencies", [{"type": "Runtime"}]), provisioningState="Failed", x=1)
    assert task["properties"]["provisioningState"] == "Succeeded"
    assert "x" not in task["properties"]
    assert "baseImageDependencies" not in task["properties"]["step"]


def test_enum_values_take_any_case_and_os_keeps_its_own():
    trigger = {"baseImageTrigger": {"name": "b", "status": "DISABLED", "baseImageTriggerType": "all"}}
    task = created(trigger=trigger, platform={"os": "LINUX", "architecture": "ARM64", "variant": "V8"})
    assert task["properties"]["trigger"]["baseImageTrigger"]["status"] == "Disabled"
    assert task["properties"]["trigger"]["baseImageTrigger"]["baseImageTriggerType"] == "All"
    assert task["properties"]["platform"] == {"os": "LINUX", "architecture": "arm64", "variant": "v8"}


def test_a_replaced_task_keeps_its_spelling_and_its_date_of_creation():
    old = created()
    new = tasks.create(FILE, old, scope=SCOPE, name="TASK1", now=LATER, ids=guids(), by="another")
    assert (new["name"], new["id"]) == ("task1", old["id"])
    assert new["properties"]["creationDate"] == NOW
    assert new["systemData"]["createdAt"] == NOW
    assert new["systemData"]["createdBy"] == "someone"
    assert (new["systemData"]["lastModifiedAt"], new["systemData"]["lastModifiedBy"]) == (LATER, "another")
    assert new["properties"]["step"]["type"] == "FileTask"
    assert new["properties"]["trigger"] == {}


@pytest.mark.parametrize("body", [DOCKER, FILE, ENCODED, SYSTEM], ids=["docker", "file", "encoded", "system"])
def test_what_list_details_shows_can_be_put_back_unchanged(body):
    first = created(body, credentials={"customRegistries": REGISTRIES})
    again = tasks.create(
        tasks.show(first, secrets=True), first, scope=SCOPE, name="task1", now=NOW, ids=guids(), by="someone"
    )
    assert again == first


BASE = "properties.trigger.baseImageTrigger"
TIMER = "properties.trigger.timerTriggers"
SOURCE = "properties.trigger.sourceTriggers.0"
BAD = [
    ("location", ..., "location is required."),
    ("properties", ..., "properties is required."),
    ("properties", [], "properties is a list: it must be an object."),
    ("properties.step", None, "properties: step is required."),
    ("properties.step", "Docker", "properties.step is a string: it must be an object."),
    ("properties.step.type", ..., "properties.step.type is required: 'Docker' or 'FileTask' or 'EncodedTask'."),
    (
        "properties.step.type",
        "docker",
        "properties.step.type is 'docker': it must be 'Docker' or 'FileTask' or 'EncodedTask', spelled like this.",
    ),
    ("properties.step.dockerFilePath", ..., "properties.step.dockerFilePath is required."),
    ("properties.step.dockerFilePath", "", "properties.step.dockerFilePath is 0 characters long: it must be 1 to"),
    ("properties.step.dockerFilePath", "../Dockerfile", "'../Dockerfile': it must be the path of a file inside"),
    ("properties.step.dockerFilePath", "a/../../b", "'a/../../b': it must be the path of a file inside"),
    ("properties.step.dockerFilePath", "/etc/passwd", "'/etc/passwd': it must be the path of a file inside"),
    ("properties.step.dockerFilePath", "a\nb", "'a\\nb': it must be one line without control characters."),
    ("properties.step.contextPath", ..., "properties.step.contextPath is required."),
    ("properties.step.contextPath", "/dev/null", "properties.step: contextPath is '/dev/null', but this type"),
    ("properties.step.contextPath", "ssh://a.io/b.git", "properties.step.contextPath is wrong: it must be a context"),
    ("properties.step.contextPath", "https://[::1", "properties.step.contextPath is wrong: it must be a context"),
    ("properties.step.imageNames", "a", "properties.step.imageNames is a string: it must be a list."),
    ("properties.step.imageNames", [], "properties.step: isPushEnabled is true but imageNames is empty"),
    ("properties.step.imageNames", ["ok", 1], "properties.step.imageNames[1] is 1: it must be a string."),
    ("properties.step.imageNames", [None], "properties.step.imageNames[0] is null: it must be a string."),
    ("properties.step.imageNames", ["Upper"], "properties.step.imageNames[0] is 'Upper': it must be an image name"),
    ("properties.step.imageNames", ["a@sha256:" + "0" * 64], "an image name without a digest"),
    ("properties.step.imageNames", ["a"] * 51, "properties.step.imageNames is a list of 51: it must be at most 50"),
    ("properties.step.isPushEnabled", "true", "properties.step.isPushEnabled is 'true': it must be true or false."),
    ("properties.step.arguments.0.name", ..., "properties.step.arguments[0].name is required."),
    ("properties.step.arguments.0.name", "A=B", "properties.step.arguments[0].name is 'A=B': it must be a name"),
    ("properties.step.arguments.0.value", ..., "properties.step.arguments[0].value is required."),
    ("properties.step.arguments.1.value", None, "properties.step.arguments[1].value is required."),
    ("properties.step.arguments.0.value", 1, "properties.step.arguments[0].value is a number: it must be a string."),
    ("properties.step.arguments.0.value", "\0", "arguments[0].value is wrong: it must be Unicode text without NUL"),
    ("properties.step.arguments.0.value", "\ud800", "arguments[0].value is wrong: it must be Unicode text"),
    ("properties.timeout", 299, "properties.timeout is 299: it must be a whole number from 300 to 28800 seconds."),
    ("properties.timeout", 28801, "properties.timeout is 28801: it must be"),
    ("properties.timeout", "3600", "properties.timeout is '3600': it must be"),
    ("properties.timeout", True, "properties.timeout is true: it must be"),
    ("properties.timeout", 600.5, "properties.timeout is 600.5: it must be"),
    ("properties.timeout", 10**30, "properties.timeout is a number: it must be"),
    ("properties.status", "On", "properties.status is 'On': it must be 'Enabled' or 'Disabled'."),
    (
        "properties.platform.os",
        "Windows",
        "properties.platform.os is 'Windows': it must be 'Linux'; Baselift builds no Windows images.",
    ),
    ("properties.platform.architecture", "s390x", "properties.platform.architecture is 's390x': it must be 'amd64'"),
    ("properties.agentConfiguration.cpu", 0, "properties.agentConfiguration.cpu is 0: it must be"),
    (BASE + ".name", ..., BASE + ".name is required."),
    (BASE + ".baseImageTriggerType", "Buildtime", BASE + ".baseImageTriggerType is 'Buildtime': it must be"),
    (BASE + ".updateTriggerEndpoint", "ftp://x", BASE + ".updateTriggerEndpoint is wrong: it must be an http://"),
    (TIMER + ".0.schedule", ..., "properties.trigger.timerTriggers[0].schedule is required."),
    (TIMER + ".0.schedule", "@daily", "timerTriggers[0].schedule is '@daily': it must be five fields"),
    (TIMER + ".0.name", "nightly", "properties.trigger.timerTriggers has the name 'nightly' more than once."),
    (SOURCE + ".sourceRepository", ..., "properties.trigger.sourceTriggers[0].sourceRepository is required."),
    (SOURCE + ".sourceTriggerEvents", ["push"], "sourceTriggerEvents[0] is 'push': it must be 'commit' or"),
    (SOURCE + ".sourceRepository.repositoryUrl", "git@h:r", "repositoryUrl is wrong: it must be the https:// address"),
    (SOURCE + ".sourceRepository.sourceControlAuthProperties.token", ..., "sourceControlAuthProperties.token is req"),
    ("properties.credentials.customRegistries", {"https://x": {}}, "it must be a registry host such as"),
    ("properties.credentials.customRegistries", {"x.io": {}}, "userName and password are needed together, or an"),
    ("properties.credentials.customRegistries", {"x.io": {"userName": {"value": "u"}}}, "are needed together"),
    ("properties.credentials.customRegistries", {"x.io": {"userName": {"value": None}}}, "userName.value is required."),
    ("properties.credentials.sourceRegistry", {"loginMode": "Maybe"}, "loginMode is 'Maybe': it must be 'None' or"),
    ("identity", {"type": "Some"}, "identity.type is 'Some': it must be"),
    ("identity", {"type": "UserAssigned"}, "identity.userAssignedIdentities is required for type 'UserAssigned'."),
    (
        "properties.step.contextPath",
        "https://\u2100/x.git",
        "properties.step.contextPath is wrong: it must be a context",
    ),
    (BASE + ".updateTriggerEndpoint", "https://[x", BASE + ".updateTriggerEndpoint is wrong: it must be an http://"),
    (
        "identity",
        {"type": "UserAssigned", "userAssignedIdentities": {"me": {}}},
        "it must be a resource id that begins",
    ),
    ("tags", {f"t{number}": "" for number in range(51)}, "tags is an object of 51: it must be at most 50 entries."),
    ("tags", {"a": 1}, "tags.a is 1: it must be a string."),
    ("tags", {"a": "1", "A": "2"}, "tags has the key 'a' more than once."),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD, ids=[f"{path}-{value}"[:60] for path, value, _ in BAD])
def test_a_bad_field_is_named_with_its_value_and_what_would_be_right(path, value, message):
    with pytest.raises(ApiError) as caught:
        tasks.create(put(path, value), None, scope=SCOPE, name="task1", now=NOW, ids=guids())
    assert message in caught.value.message
    assert caught.value.status == 400
    assert caught.value.body()["error"]["code"] == "InvalidRequest"


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(ApiError, match=r"The body is .*: it must be an object"):
        tasks.create(body, None, scope=SCOPE, name="task1", now=NOW, ids=guids())


@pytest.mark.parametrize("name", ["four", "x" * 51, "with.dot", "späte", "a b c", "task1\n"])
def test_a_task_name_outside_the_rules_is_refused(name):
    with pytest.raises(ApiError, match="must be 5 to 50 characters of A-Z a-z 0-9 - _"):
        tasks.create(DOCKER, None, scope=SCOPE, name=name, now=NOW, ids=guids())


def test_a_document_over_the_limit_is_refused():
    arguments = [{"name": f"A{number}", "value": "x" * 60_000} for number in range(8)]
    with pytest.raises(ApiError, match="at most 400000 are kept") as caught:
        created(put("properties.step.arguments", arguments))
    assert caught.value.status == 413


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("properties.step.arguments.1", "s3cret"),
        ("properties.step.arguments.1.value", ["s3cret"]),
        ("properties.step.arguments.1.value", "s3cret\0"),
        ("properties.step.contextAccessToken", "s3cret" * 9999),
        ("properties.step.contextPath", "ssh://s3cret@host/x"),
        ("properties.step.contextPath", "https://s3cret@\u2100/x"),
        (SOURCE + ".sourceRepository.sourceControlAuthProperties", "s3cret"),
        ("properties.credentials.customRegistries", {"x.io": {"password": "s3cret"}}),
    ],
)
def test_no_message_repeats_a_secret(path, value):
    with pytest.raises(ApiError) as caught:
        created(put(path, value))
    assert "s3cret" not in json.dumps(caught.value.body())


def test_get_masks_every_secret_and_keeps_its_key():
    task = created(credentials={"customRegistries": REGISTRIES})
    before = copy.deepcopy(task)
    shown = tasks.show(task, secrets=False)["properties"]
    assert "s3cret" not in json.dumps(shown)
    assert shown["step"]["contextAccessToken"] is None
    assert shown["step"]["arguments"] == [
        {"name": "A", "value": "1", "isSecret": False},
        {"name": "T", "value": None, "isSecret": True},
    ]
    auth = shown["trigger"]["sourceTriggers"][0]["sourceRepository"]["sourceControlAuthProperties"]
    assert auth == {"tokenType": "PAT", "token": None, "refreshToken": None, "scope": "repo"}
    custom = shown["credentials"]["customRegistries"]
    assert custom["other.azurecr.io"]["password"] == {"value": None, "type": "Opaque"}
    assert custom["vault.azurecr.io"] == REGISTRIES["vault.azurecr.io"]
    assert task == before


def test_base_image_dependencies_are_shown_in_the_step():
    use = BaseUse("Buildtime", ImageDescriptor("docker.io", "library/node", "22", "sha256:0"))
    step = tasks.show(created(), secrets=False, bases=[use])["properties"]["step"]
    assert step["baseImageDependencies"] == [
        {
            "type": "BuildTime",
            "registry": "registry.hub.docker.com",
            "repository": "library/node",
            "tag": "22",
            "digest": "sha256:0",
        }
    ]


def test_the_sdk_reads_what_is_shown():
    task = created(credentials={"customRegistries": REGISTRIES})
    task["identity"] = {"type": "SystemAssigned", "principalId": "p", "tenantId": "t"}
    read = sdk.Task._deserialize(tasks.show(task, secrets=True), [])
    assert isinstance(read.properties.step, sdk.DockerBuildStep)
    assert read.properties.creation_date.isoformat() == NOW
    assert read.properties.step.arguments[1].value == "s3cret-arg"
    assert read.properties.trigger.timer_triggers[1].schedule == "0 21 * * *"
    assert read.properties.credentials.custom_registries["other.azurecr.io"].user_name.value == "s3cret-user"
    assert read.system_data.created_by == "someone"


class TestIdentity:
    def made(self, identity, existing=None):
        return tasks.create({**DOCKER, "identity": identity}, existing, scope=SCOPE, name="task1", now=NOW, ids=guids())

    def changed(self, task, identity):
        return tasks.merge(task, {"identity": identity}, now=LATER, ids=guids())

    def test_a_system_identity_gets_ids_that_stay(self):
        task = self.made({"type": "systemassigned"})
        assert task["identity"]["type"] == "SystemAssigned"
        assert len({task["identity"]["principalId"], task["identity"]["tenantId"]}) == 2
        ids = iter(["never"])
        again = tasks.merge(task, {"identity": {"type": "SystemAssigned"}}, now=LATER, ids=lambda: next(ids))
        assert again["identity"] == task["identity"]
        assert patched(task, timeout=600)["identity"] == task["identity"]

    def test_user_identities_are_added_and_removed(self):
        other = IDENTITY.replace("one", "two")
        task = self.made({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {IDENTITY: {}}})
        assert task["identity"]["type"] == "SystemAssigned, UserAssigned"
        both = self.changed(task, {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {other: {}}})
        assert list(both["identity"]["userAssignedIdentities"]) == [IDENTITY, other]
        kept = both["identity"]["userAssignedIdentities"][IDENTITY]
        assert kept == task["identity"]["userAssignedIdentities"][IDENTITY]
        one = self.changed(both, {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY.upper(): None}})
        assert list(one["identity"]["userAssignedIdentities"]) == [other]
        assert "principalId" not in one["identity"]

    def test_removing_the_last_user_identity_leaves_the_rest(self):
        only = self.made({"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}})
        gone = self.changed(only, {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: None}})
        assert "identity" not in gone

    def test_none_removes_all(self):
        assert "identity" not in self.changed(self.made({"type": "SystemAssigned"}), {"type": "None"})

    def test_a_put_without_identity_has_none(self):
        task = self.made({"type": "SystemAssigned"})
        assert "identity" not in self.made(None, task)
