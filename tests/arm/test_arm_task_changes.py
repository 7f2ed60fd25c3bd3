"""PATCH of the task resource: what is merged, what is replaced, what is refused."""

import copy

import pytest
from arm_samples import (
    CONTEXT,
    DOCKER,
    FILE,
    LATER,
    NOW,
    REGISTRIES,
    SCOPE,
    UNPUSHED,
    created,
    guids,
    patched,
    put,
)

from baselift.arm import tasks
from baselift.arm.errors import ApiError


class TestPatch:
    def test_empty_objects_change_nothing(self):
        task = created()
        after = patched(
            task, platform={}, agentConfiguration={}, credentials={}, trigger={}, step={"type": "Docker"}, status=None
        )
        assert after["properties"] == task["properties"]
        assert (after["systemData"]["createdAt"], after["systemData"]["lastModifiedAt"]) == (NOW, LATER)

    def test_the_captured_update_disables_the_base_trigger_and_nothing_else(self):
        task = created()
        after = patched(
            task,
            agentConfiguration={},
            platform={},
            credentials={},
            trigger={"baseImageTrigger": {"status": "Disabled", "name": "defaultBaseimageTriggerName"}},
            step={"isPushEnabled": True, "contextPath": CONTEXT, "type": "Docker"},
        )
        expected = copy.deepcopy(task["properties"])
        expected["trigger"]["baseImageTrigger"]["status"] = "Disabled"
        assert after["properties"] == expected

    def test_a_base_trigger_named_alone_stays_as_it_is(self):
        task = created()
        after = patched(task, trigger={"baseImageTrigger": {"name": "defaultBaseimageTriggerName"}})
        assert after["properties"] == task["properties"]

    def test_a_base_trigger_can_be_added(self):
        after = patched(created(trigger={}), trigger={"baseImageTrigger": {"name": "b", "status": "Enabled"}})
        assert after["properties"]["trigger"]["baseImageTrigger"]["baseImageTriggerType"] == "Runtime"

    def test_timers_merge_by_name(self):
        timers = [{"name": "t2", "status": "Enabled", "schedule": "0 2 * * *"}, {"name": "t1", "status": "Disabled"}]
        after = patched(created(), trigger={"timerTriggers": timers})
        assert after["properties"]["trigger"]["timerTriggers"] == [
            {"name": "t1", "schedule": "*/5 * * * *", "status": "Disabled"},
            {"name": "nightly", "schedule": "0 21 * * *", "status": "Enabled"},
            {"name": "t2", "schedule": "0 2 * * *", "status": "Enabled"},
        ]

    def test_a_new_timer_needs_a_schedule(self):
        with pytest.raises(ApiError, match=r"timerTriggers\[2\]\.schedule is required"):
            patched(created(), trigger={"timerTriggers": [{"name": "t9"}]})

    def test_a_timer_without_a_name_is_refused(self):
        with pytest.raises(ApiError, match=r"timerTriggers\[0\]\.name is required"):
            patched(created(), trigger={"timerTriggers": [{"schedule": "0 2 * * *"}]})

    def test_source_triggers_merge_by_name_and_field(self):
        trigger = {
            "name": "defaultSourceTriggerName",
            "sourceTriggerEvents": ["pullrequest"],
            "sourceRepository": {"branch": "dev", "sourceControlAuthProperties": {"token": "new"}},
        }
        merged = patched(created(), trigger={"sourceTriggers": [trigger]})["properties"]["trigger"]
        (after,) = merged["sourceTriggers"]
        assert after["status"] == "Enabled"
        assert after["sourceTriggerEvents"] == ["pullrequest"]
        assert after["sourceRepository"] == {
            "sourceControlType": "Github",
            "repositoryUrl": CONTEXT,
            "branch": "dev",
            "sourceControlAuthProperties": {
                "tokenType": "PAT",
                "token": "new",
                "refreshToken": "s3cret-refresh",
                "scope": "repo",
            },
        }
        assert len(merged["timerTriggers"]) == 2

    def test_the_step_merges_field_by_field_and_lists_are_replaced(self):
        task = created()
        after = patched(task, step={"type": "Docker", "noCache": True, "arguments": [{"name": "B", "value": "2"}]})
        expected = {
            **task["properties"]["step"],
            "noCache": True,
            "arguments": [{"name": "B", "value": "2", "isSecret": False}],
        }
        assert after["properties"]["step"] == expected

    def test_a_step_of_another_type_replaces_the_old_one(self):
        after = patched(created(), step=FILE["properties"]["step"])
        assert after["properties"]["step"] == created(FILE)["properties"]["step"]

    def test_a_step_of_another_type_must_be_whole(self):
        with pytest.raises(ApiError, match=r"properties\.step\.taskFilePath is required"):
            patched(created(), step={"type": "FileTask", "contextPath": CONTEXT})

    def test_a_step_without_type_is_refused(self):
        with pytest.raises(ApiError, match=r"properties\.step\.type is required"):
            patched(created(), step={"noCache": True})

    def test_push_stays_off_for_a_task_without_names(self):
        body = put("properties.step.imageNames", ..., UNPUSHED)
        after = patched(created(body), step={"type": "Docker", "isPushEnabled": True, "contextPath": CONTEXT})
        assert after["properties"]["step"]["isPushEnabled"] is False

    def test_push_is_on_once_a_name_comes_with_it(self):
        body = put("properties.step.imageNames", ..., UNPUSHED)
        after = patched(created(body), step={"type": "Docker", "isPushEnabled": True, "imageNames": ["a:b"]})
        assert after["properties"]["step"]["isPushEnabled"] is True

    def test_registries_merge_by_host_without_case_and_null_removes(self):
        task = created(credentials={"customRegistries": REGISTRIES})
        change = {"OTHER.azurecr.io": {"identity": "[system]"}, "vault.azurecr.io": None, "third.io": None}
        after = patched(task, credentials={"customRegistries": change})
        assert after["properties"]["credentials"] == {
            "customRegistries": {"OTHER.azurecr.io": {"identity": "[system]"}}
        }

    def test_null_clears_the_source_registry_identity_only_in_a_patch(self):
        task = created(credentials={"sourceRegistry": {"identity": "[system]", "loginMode": "Default"}})
        after = patched(task, credentials={"sourceRegistry": {"identity": None}})
        assert after["properties"]["credentials"] == {"sourceRegistry": {"loginMode": "Default"}}
        kept = patched(task, credentials={"sourceRegistry": {"loginMode": "None"}})
        assert kept["properties"]["credentials"]["sourceRegistry"] == {"identity": "[system]", "loginMode": "None"}

    def test_scalars_are_set_and_an_empty_text_clears(self):
        task = created(agentPoolName="pool1", logTemplate="log:{{.Run.ID}}")
        after = patched(task, status="disabled", timeout=600, agentPoolName="", logTemplate="other")["properties"]
        assert (after["status"], after["timeout"], after["logTemplate"]) == ("Disabled", 600, "other")
        assert "agentPoolName" not in after

    def test_a_new_architecture_drops_the_old_variant(self):
        task = created(platform={"os": "linux", "architecture": "arm64", "variant": "v8"})
        after = patched(task, platform={"os": "linux", "architecture": "amd64"})
        assert after["properties"]["platform"] == {"os": "linux", "architecture": "amd64"}

    def test_tags_are_replaced_and_absent_tags_are_kept(self):
        task = tasks.create({**DOCKER, "tags": {"a": "1"}}, None, scope=SCOPE, name="task1", now=NOW, ids=guids())
        assert patched(task)["tags"] == {"a": "1"}
        assert tasks.merge(task, {"tags": {"b": "2"}}, now=LATER, ids=guids())["tags"] == {"b": "2"}

    def test_location_and_system_task_cannot_be_patched(self):
        after = tasks.merge(created(), {"location": "x", "properties": {"isSystemTask": True}}, now=LATER, ids=guids())
        assert (after["location"], after["properties"]["isSystemTask"]) == ("eastus", False)

    def test_a_patch_leaves_the_stored_document_alone(self):
        task = created(credentials={"customRegistries": REGISTRIES}, platform={"architecture": "arm", "variant": "v7"})
        before = copy.deepcopy(task)
        patched(
            task,
            platform={"architecture": "amd64"},
            trigger={"timerTriggers": [{"name": "t1", "status": "Disabled"}]},
            credentials={"customRegistries": {"other.azurecr.io": None}},
            step={"type": "Docker", "arguments": []},
        )
        assert task == before

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"timeout": 1}, "properties.timeout is 1"),
            ({"platform": {"os": "windows"}}, "Baselift builds no Windows images"),
            ({"step": {"type": "Docker", "imageNames": []}}, "isPushEnabled is true but imageNames is empty"),
            ({"step": {"type": "Docker", "dockerFilePath": "../x"}}, "a file inside the context"),
            ({"step": {"type": "Docker", "contextPath": ""}}, "properties.step.contextPath"),
        ],
    )
    def test_a_patch_is_checked_like_a_put(self, change, message):
        with pytest.raises(ApiError) as caught:
            patched(created(), **change)
        assert message in caught.value.message
