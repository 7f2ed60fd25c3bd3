"""Agent pools and marks of runs in the REST API, by the official SDK, on the running app."""

from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from live_app import REGISTRY_ID, WHERE, Live, until

NETWORK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/s"


@pytest.fixture
def pools(live):
    return live.client.agent_pools


@pytest.fixture(scope="module")
def upload(live: Live, base: str) -> str:
    return live.upload({"Dockerfile": f"FROM {base}\nRUN echo pooled\n"})


def wanted(count: int, **properties: Any) -> dict[str, Any]:
    return {"location": "local", "tags": {"a": "b"}, "properties": {"count": count, **properties}}


def ask(live: Live, upload: str, pool: str) -> Any:
    request = {
        "type": "DockerBuildRequest",
        "sourceLocation": upload,
        "dockerFilePath": "Dockerfile",
        "isPushEnabled": False,
        "agentPoolName": pool,
    }
    return live.client.registries.schedule_run(*WHERE, request)


def test_a_pool_is_ready_at_once_and_reads_back_as_it_was_sent(live, pools):
    given = wanted(2, tier="S2", os="Linux", virtualNetworkSubnetResourceId=NETWORK)
    made = pools.begin_create(*WHERE, "wholepool", given).result()
    assert made.as_dict() == {
        "id": f"{REGISTRY_ID}/agentPools/wholepool",
        "name": "wholepool",
        "type": "Microsoft.ContainerRegistry/registries/agentPools",
        **given,
        "properties": {"provisioningState": "Succeeded", **given["properties"]},
    }
    assert pools.get(*WHERE, "WholePool") == made
    assert made in list(pools.list(*WHERE))
    assert pools.get_queue_status(*WHERE, "wholepool").count == 0
    answer = live.ask("PUT", "agentPools/wholepool", given)
    assert answer.status == 200
    assert not {"azure-asyncoperation", "location"} & set(answer.headers)


def test_an_update_changes_the_count_and_nothing_else(pools):
    made = pools.begin_create(*WHERE, "resized", wanted(1)).result().as_dict()
    changed = pools.begin_update(*WHERE, "resized", {"properties": {"count": 5}}).result().as_dict()
    made["properties"]["count"] = 5
    assert changed == made
    with pytest.raises(ResourceNotFoundError, match="nopool"):
        pools.begin_update(*WHERE, "nopool", {"properties": {"count": 5}})


def test_runs_wait_for_a_pool_of_none_and_go_on_when_it_grows(live, pools, upload):
    pools.begin_create(*WHERE, "paused", wanted(0)).result()
    asked = [ask(live, upload, "paused") for _ in range(2)]
    until(lambda: pools.get_queue_status(*WHERE, "paused").count == 2 or None)
    pooled = live.client.runs.list(*WHERE, filter="AgentPoolName eq 'paused' and Status eq 'Queued'")
    assert [run.name for run in pooled] == [run.name for run in asked[::-1]]
    pools.begin_update(*WHERE, "paused", {"properties": {"count": 1}}).result()
    ended = [live.ended(run) for run in asked]
    assert [run.properties.status for run in ended] == ["Succeeded"] * 2
    assert [run.properties.agent_pool_name for run in ended] == ["paused"] * 2
    first, second = sorted(ended, key=lambda run: run.properties.start_time)
    assert first.properties.finish_time <= second.properties.start_time
    assert pools.get_queue_status(*WHERE, "paused").count == 0


def test_a_run_that_waits_for_a_deleted_pool_fails_and_says_so(live, pools, upload):
    pools.begin_create(*WHERE, "doomed", wanted(0)).result()
    run = ask(live, upload, "doomed")
    until(lambda: pools.get_queue_status(*WHERE, "doomed").count or None)
    pools.begin_delete(*WHERE, "doomed").result()
    ended = live.ended(run)
    assert ended.properties.status == "Failed"
    assert ended.properties.run_error_message == "agent pool 'doomed' does not exist in registry 'baselift'"


def test_a_deleted_pool_is_answered_with_202_and_is_shown_once_more(live, pools):
    pools.begin_create(*WHERE, "shortlived", wanted(1)).result()
    assert [live.ask("DELETE", "agentPools/shortlived").status for _ in range(2)] == [202, 204]
    assert pools.get(*WHERE, "shortlived").properties.provisioning_state == "Succeeded"
    assert "shortlived" not in [pool.name for pool in pools.list(*WHERE)]
    with pytest.raises(ResourceNotFoundError, match="shortlived"):
        pools.get_queue_status(*WHERE, "shortlived")
    with pytest.raises(ResourceNotFoundError, match="neverthere"):
        pools.get(*WHERE, "neverthere")


def test_a_run_for_a_pool_that_is_not_there_is_refused(live, source, upload):
    with pytest.raises(HttpResponseError, match="agentPoolName is 'nopool'") as refused:
        ask(live, upload, "nopool")
    assert refused.value.status_code == 400
    step = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": source, "isPushEnabled": False}
    task = {"location": "local", "properties": {"step": step, "agentPoolName": "nopool"}}
    live.client.tasks.create(*WHERE, "pooled-task", task)
    request = {"type": "TaskRunRequest", "taskId": f"{REGISTRY_ID}/tasks/pooled-task"}
    with pytest.raises(HttpResponseError, match="agentPoolName is 'nopool'"):
        live.client.registries.schedule_run(*WHERE, request)


@pytest.mark.parametrize(
    ("name", "properties", "message"),
    [
        ("x", {}, "agent pool name 'x'"),
        ("apool", {"count": -1}, "properties.count"),
        ("apool", {"count": "many"}, "properties.count"),
        ("apool", {"os": "Windows"}, "properties.os"),
        ("apool", {"tier": "XL"}, "properties.tier"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_and_not_stored(live, name, properties, message):
    refused = live.ask("PUT", f"agentPools/{name}", {"location": "local", "properties": properties})
    assert (refused.status, refused.code) == (400, "InvalidRequest")
    assert message in refused.message
    assert live.ask("GET", f"agentPools/{name}").status == 404


def test_a_run_is_marked_and_the_mark_is_taken_back(live, upload):
    runs = live.client.runs
    request = {"type": "DockerBuildRequest", "sourceLocation": upload, "dockerFilePath": "Dockerfile"}
    run = live.ended(live.client.registries.schedule_run(*WHERE, request | {"isPushEnabled": False}))
    before = run.as_dict()
    for archived in (True, False):
        marked = runs.update(*WHERE, run.name, {"isArchiveEnabled": archived}).as_dict()
        assert marked["properties"].pop("lastUpdatedTime") > before["properties"]["lastUpdatedTime"]
        assert marked["properties"].pop("isArchiveEnabled") is archived
        rest = {name: value for name, value in before["properties"].items() if name in marked["properties"]}
        assert marked == before | {"properties": rest}
        assert runs.get(*WHERE, run.name).properties.is_archive_enabled is archived
    listed = runs.list(*WHERE, filter=f"IsArchiveEnabled eq true and RunId eq '{run.name}'")
    assert list(listed) == []
    with pytest.raises(ResourceNotFoundError, match="zz9"):
        runs.update(*WHERE, "zz9", {"isArchiveEnabled": True})
    refused = live.ask("PATCH", f"runs/{run.name}", {"isArchiveEnabled": "yes"})
    assert (refused.status, refused.code) == (400, "InvalidRequest")
