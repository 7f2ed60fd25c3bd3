"""Tasks of the REST API, by the official SDK, on the running app."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from live_app import REGISTRY_ID, WHERE, until

SECRETS = ("s3cret-arg", "s3cret-pat", "s3cret-hook", "s3cret-refresh", "s3cret-user", "s3cret-password")


def full(context: str) -> dict[str, Any]:
    """A task with every field that this version takes."""
    return {
        "location": "eastus",
        "tags": {"team": "one"},
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "status": "Enabled",
            "timeout": 600,
            "platform": {"os": "Linux", "architecture": "amd64"},
            "agentConfiguration": {"cpu": 4},
            "agentPoolName": "pool1",
            "logTemplate": "logs:{{.Run.ID}}",
            "step": {
                "type": "Docker",
                "imageNames": ["full/app:{{.Run.ID}}", "full/app:latest"],
                "isPushEnabled": True,
                "noCache": True,
                "dockerFilePath": "Dockerfile",
                "target": "first",
                "arguments": [
                    {"name": "WHO", "value": "plain"},
                    {"name": "TOKEN", "value": "s3cret-arg", "isSecret": True},
                ],
                "contextPath": context,
                "contextAccessToken": "s3cret-pat",
            },
            "trigger": {
                "timerTriggers": [{"name": "nightly", "schedule": "0 3 1 1 *", "status": "Disabled"}],
                "sourceTriggers": [
                    {
                        "name": "source",
                        "status": "Disabled",
                        "sourceTriggerEvents": ["commit"],
                        "sourceRepository": {
                            "sourceControlType": "Github",
                            "repositoryUrl": context,
                            "branch": "master",
                            "sourceControlAuthProperties": {
                                "tokenType": "OAuth",
                                "token": "s3cret-hook",
                                "refreshToken": "s3cret-refresh",
                                "scope": "repo",
                                "expiresIn": 3600,
                            },
                        },
                    }
                ],
                "baseImageTrigger": {"name": "base", "baseImageTriggerType": "All", "status": "Enabled"},
            },
            "credentials": {
                "sourceRegistry": {"loginMode": "Default"},
                "customRegistries": {
                    "other.example": {
                        "userName": {"type": "Opaque", "value": "s3cret-user"},
                        "password": {"type": "Opaque", "value": "s3cret-password"},
                    }
                },
            },
        },
    }


def shown(context: str, *, secrets: bool) -> dict[str, Any]:
    """The same task as it is answered, its secrets null unless wanted, without what depends on the time."""
    task = copy.deepcopy(full(context))
    properties, step = task["properties"], task["properties"]["step"]
    properties |= {"provisioningState": "Succeeded", "isSystemTask": False}
    step["arguments"][0]["isSecret"] = False
    properties["trigger"]["baseImageTrigger"]["updateTriggerPayloadType"] = "Default"
    if not secrets:
        step["contextAccessToken"] = step["arguments"][1]["value"] = None
        hook = properties["trigger"]["sourceTriggers"][0]["sourceRepository"]["sourceControlAuthProperties"]
        hook["token"] = hook["refreshToken"] = None
        for part in ("userName", "password"):
            properties["credentials"]["customRegistries"]["other.example"][part]["value"] = None
    return task


def stable(task: Any) -> dict[str, Any]:
    """An answered task without its times and ids of identities, which are looked at by themselves."""
    document = copy.deepcopy(task.as_dict())
    for name in ("id", "name", "type", "systemData"):
        del document[name]
    del document["properties"]["creationDate"]
    document["identity"] = {"type": document["identity"]["type"]}
    document["properties"]["step"].pop("baseImageDependencies", None)
    return document


def small(context: str, **step: Any) -> dict[str, Any]:
    return {
        "location": "local",
        "properties": {
            "step": {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": context, "isPushEnabled": False}
            | step
        },
    }


@pytest.fixture
def tasks(live):
    return live.client.tasks


def test_a_new_task_is_answered_with_200_and_with_all_that_was_sent_but_secrets(live, source):
    answer = live.ask("PUT", "tasks/newtask", full(source))
    assert answer.status == 200
    document = answer.json
    assert document["id"] == f"{REGISTRY_ID}/tasks/newtask"
    assert (document["name"], document["type"]) == ("newtask", "Microsoft.ContainerRegistry/registries/tasks")
    created = datetime.fromisoformat(document["properties"]["creationDate"])
    assert timedelta() <= datetime.now(UTC) - created < timedelta(minutes=1)
    assert document["systemData"]["createdAt"] == document["systemData"]["lastModifiedAt"] == created.isoformat()
    assert set(document["identity"]) == {"type", "principalId", "tenantId"}
    assert stable(live.client.tasks.get(*WHERE, "newtask")) == shown(source, secrets=False)
    assert not [secret for secret in SECRETS if secret in answer.content.decode()]


def test_the_sdk_creates_a_task_and_reads_back_the_same(tasks, source):
    created = tasks.create(*WHERE, "sdktask", full(source))
    assert stable(created) == shown(source, secrets=False)
    assert stable(tasks.get(*WHERE, "sdktask")) == shown(source, secrets=False)
    assert created.properties.step.type == "Docker"
    assert created.properties.step.image_names == ["full/app:{{.Run.ID}}", "full/app:latest"]


def test_details_have_the_secrets(tasks, source):
    tasks.create(*WHERE, "secrettask", full(source))
    assert stable(tasks.get_details(*WHERE, "secrettask")) == shown(source, secrets=True)


def test_a_task_shows_its_base_images_soon_after_it_was_created_without_a_run(live, tasks, source, base):
    tasks.create(*WHERE, "scannedtask", small(source))
    found = until(lambda: tasks.get(*WHERE, "scannedtask").properties.step.base_image_dependencies)
    runs = live.client.runs.list(*WHERE, top=1000)
    pushed = [image for run in runs for image in run.properties.output_images or () if image.tag == "1"]
    assert [each.as_dict() for each in found] == [
        {
            "type": "RunTime",
            "registry": live.host,
            "repository": "base/node",
            "tag": "1",
            "digest": pushed[0].digest,
        }
    ]


def test_a_second_put_replaces_the_task_and_keeps_its_date(live, tasks, source):
    first = tasks.create(*WHERE, "replaced", full(source))
    answer = live.ask("PUT", "tasks/replaced", small(source))
    assert answer.status == 200
    second = tasks.get(*WHERE, "replaced")
    assert second.properties.creation_date == first.properties.creation_date
    assert second.properties.timeout == 3600
    assert (second.properties.trigger.as_dict(), second.tags, second.identity) == ({}, {}, None)
    assert "target" not in second.properties.step.as_dict()


def test_a_name_in_other_case_is_the_same_task(tasks, source):
    tasks.create(*WHERE, "CamelTask", small(source))
    assert tasks.get(*WHERE, "cameltask").name == "CamelTask"
    assert tasks.create(*WHERE, "CAMELTASK", small(source)).name == "CamelTask"


def test_the_list_has_every_task_once_with_secrets_masked(tasks, source):
    for name in ("listed-a", "listed_b"):
        tasks.create(*WHERE, name, full(source))
    found = list(tasks.list(*WHERE))
    names = [task.name for task in found]
    assert {"listed-a", "listed_b"} <= set(names)
    assert len(names) == len(set(names))
    assert stable(next(task for task in found if task.name == "listed-a")) == shown(source, secrets=False)


def test_an_update_changes_what_it_names_and_nothing_else(tasks, source):
    tasks.create(*WHERE, "updated", full(source))
    change = {
        "tags": {"team": "two"},
        "properties": {
            "status": "Disabled",
            "timeout": 900,
            "step": {"type": "Docker", "target": "second", "arguments": [{"name": "ONLY", "value": "1"}]},
            "trigger": {
                "timerTriggers": [
                    {"name": "nightly", "schedule": "0 4 1 1 *"},
                    {"name": "weekly", "schedule": "0 5 1 1 *"},
                ],
                "baseImageTrigger": {"name": "base", "status": "Disabled"},
            },
            "credentials": {"customRegistries": {"other.example": None}},
        },
    }
    tasks.update(*WHERE, "updated", change)
    wanted = shown(source, secrets=True)
    properties = wanted["properties"]
    wanted["tags"] = {"team": "two"}
    properties |= {"status": "Disabled", "timeout": 900}
    properties["step"] |= {"target": "second", "arguments": [{"name": "ONLY", "value": "1", "isSecret": False}]}
    properties["trigger"]["timerTriggers"][0]["schedule"] = "0 4 1 1 *"
    properties["trigger"]["timerTriggers"].append({"name": "weekly", "schedule": "0 5 1 1 *", "status": "Enabled"})
    properties["trigger"]["baseImageTrigger"]["status"] = "Disabled"
    properties["credentials"]["customRegistries"] = {}
    assert stable(tasks.get_details(*WHERE, "updated")) == wanted


def test_an_update_of_a_task_that_is_not_there_is_refused(tasks):
    with pytest.raises(ResourceNotFoundError) as refused:
        tasks.update(*WHERE, "nowhere", {"properties": {"timeout": 900}})
    assert refused.value.error.code == "ResourceNotFound"
    assert "nowhere" in refused.value.error.message


def test_a_task_is_deleted_with_200_and_what_is_not_there_with_204(live, tasks, source):
    tasks.create(*WHERE, "deleted", small(source))
    assert live.ask("DELETE", "tasks/deleted").status == 200
    assert live.ask("DELETE", "tasks/deleted").status == 204
    tasks.delete(*WHERE, "deleted")
    for read in (tasks.get, tasks.get_details):
        with pytest.raises(ResourceNotFoundError) as refused:
            read(*WHERE, "deleted")
        assert refused.value.error.code == "ResourceNotFound"
        assert refused.value.error.message == "task 'deleted' does not exist in registry 'baselift'"


def test_a_pause_ends_also_when_its_task_is_gone(live, source):
    live.client.tasks.create(*WHERE, "paused-task", small(source))
    assert live.ask("PUT", "pauses", {"kind": "task", "name": "paused-task"}).status == 200
    live.client.tasks.delete(*WHERE, "paused-task")
    assert live.ask("DELETE", "pauses?kind=task&name=PAUSED-task").json == {"value": []}
    assert live.ask("DELETE", "pauses?kind=task&name=paused-task").code == "ResourceNotFound"
