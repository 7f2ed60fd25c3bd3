"""What the function app registers, as the host's worker sees it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import function_app

REPOSITORY = Path(__file__).parents[2]
SUBSCRIPTION = "subscriptions/{subscription}"
GROUP = "subscriptions/{subscription}/resourceGroups/{resourceGroup}"
PROVIDER = "providers/Microsoft.ContainerRegistry"
REGISTRY = f"{GROUP}/{PROVIDER}/registries/{{registry}}"
UI = "ui/{registry}"
Wired = tuple[str, str | None, tuple[str, ...], str | None]


def http(route: str, *methods: str) -> Wired:
    """Roles, not keys, say who may call: the host lets everybody through."""
    return "httpTrigger", route, methods, "ANONYMOUS"


WIRING: dict[str, Wired] = {
    "blob_read": http("blobs/{container}/{*name}", "GET", "HEAD"),
    "blob_write": http("blobs/{container}/{*name}", "PUT"),
    "build": ("queueTrigger", "builds", (), None),
    "diagnostics": http(f"{REGISTRY}/diagnostics", "GET"),
    "graph": http(f"{REGISTRY}/graph", "GET"),
    "group_delete": http(GROUP, "DELETE"),
    "group_exists": http(GROUP, "HEAD"),
    "group_get": http(GROUP, "GET"),
    "group_put": http(GROUP, "PUT"),
    "groups_list": http(f"{SUBSCRIPTION}/resourceGroups", "GET"),
    "health": http("health", "GET"),
    "image_explain": http(f"{REGISTRY}/explain", "GET"),
    "image_pushed": ("eventGridTrigger", None, (), None),
    "image_webhook": http("webhooks/{dialect}", "POST", "OPTIONS"),
    "login_device": http("adfs/oauth2/devicecode", "POST"),
    "login_discovery": http("adfs/.well-known/openid-configuration", "GET"),
    "login_metadata": http("metadata/endpoints", "GET"),
    "login_token": http("adfs/oauth2/token", "POST"),
    "look": ("queueTrigger", "looks", (), None),
    "notice": ("queueTrigger", "notices", (), None),
    "pause_delete": http(f"{REGISTRY}/pauses", "DELETE"),
    "pause_put": http(f"{REGISTRY}/pauses", "PUT"),
    "pauses_list": http(f"{REGISTRY}/pauses", "GET"),
    "pool_delete": http(f"{REGISTRY}/agentPools/{{agentPool}}", "DELETE"),
    "pool_get": http(f"{REGISTRY}/agentPools/{{agentPool}}", "GET"),
    "pool_patch": http(f"{REGISTRY}/agentPools/{{agentPool}}", "PATCH"),
    "pool_put": http(f"{REGISTRY}/agentPools/{{agentPool}}", "PUT"),
    "pool_queue": http(f"{REGISTRY}/agentPools/{{agentPool}}/listQueueStatus", "POST"),
    "pools_list": http(f"{REGISTRY}/agentPools", "GET"),
    "preview": http(f"{REGISTRY}/preview", "GET"),
    "reconcile": ("timerTrigger", "%BASELIFT_RECONCILE%", (), None),
    "registries_in_group": http(f"{GROUP}/{PROVIDER}/registries", "GET"),
    "registries_list": http(f"{SUBSCRIPTION}/{PROVIDER}/registries", "GET"),
    "registry_credentials": http(f"{REGISTRY}/listCredentials", "POST"),
    "registry_delete": http(REGISTRY, "DELETE"),
    "registry_get": http(REGISTRY, "GET"),
    "registry_name": http(f"{SUBSCRIPTION}/{PROVIDER}/checkNameAvailability", "POST"),
    "registry_patch": http(REGISTRY, "PATCH"),
    "registry_put": http(REGISTRY, "PUT"),
    "registry_upload": http(f"{REGISTRY}/listBuildSourceUploadUrl", "POST"),
    "registry_usages": http(f"{REGISTRY}/listUsages", "GET"),
    "resources_list": http(f"{SUBSCRIPTION}/resources", "GET"),
    "run_cancel": http(f"{REGISTRY}/runs/{{run}}/cancel", "POST"),
    "run_get": http(f"{REGISTRY}/runs/{{run}}", "GET"),
    "run_log": http(f"{REGISTRY}/runs/{{run}}/listLogSasUrl", "POST"),
    "run_patch": http(f"{REGISTRY}/runs/{{run}}", "PATCH"),
    "run_schedule": http(f"{REGISTRY}/scheduleRun", "POST"),
    "runs_list": http(f"{REGISTRY}/runs", "GET"),
    "scan": ("queueTrigger", "scans", (), None),
    "schedules": ("timerTrigger", "%BASELIFT_TIMERS%", (), None),
    "source_webhook": http("sources/{registry}/{task}", "POST"),
    "stale": http(f"{REGISTRY}/stale", "GET"),
    "subscription_get": http(SUBSCRIPTION, "GET"),
    "subscriptions_list": http("subscriptions", "GET"),
    "task_delete": http(f"{REGISTRY}/tasks/{{task}}", "DELETE"),
    "task_details": http(f"{REGISTRY}/tasks/{{task}}/listDetails", "POST"),
    "task_edge_put": http(f"{REGISTRY}/tasks/{{task}}/edges", "PUT"),
    "task_edges": http(f"{REGISTRY}/tasks/{{task}}/edges", "GET"),
    "task_explain": http(f"{REGISTRY}/tasks/{{task}}/explain", "GET"),
    "task_get": http(f"{REGISTRY}/tasks/{{task}}", "GET"),
    "task_patch": http(f"{REGISTRY}/tasks/{{task}}", "PATCH"),
    "task_put": http(f"{REGISTRY}/tasks/{{task}}", "PUT"),
    "task_run_delete": http(f"{REGISTRY}/taskRuns/{{taskRun}}", "DELETE"),
    "task_run_details": http(f"{REGISTRY}/taskRuns/{{taskRun}}/listDetails", "POST"),
    "task_run_get": http(f"{REGISTRY}/taskRuns/{{taskRun}}", "GET"),
    "task_run_patch": http(f"{REGISTRY}/taskRuns/{{taskRun}}", "PATCH"),
    "task_run_put": http(f"{REGISTRY}/taskRuns/{{taskRun}}", "PUT"),
    "task_retention": http(f"{REGISTRY}/tasks/{{task}}/retention", "GET"),
    "task_retention_put": http(f"{REGISTRY}/tasks/{{task}}/retention", "PUT"),
    "task_runs_list": http(f"{REGISTRY}/taskRuns", "GET"),
    "task_source": http(f"{REGISTRY}/tasks/{{task}}/source", "GET"),
    "task_source_details": http(f"{REGISTRY}/tasks/{{task}}/listSource", "POST"),
    "task_source_patch": http(f"{REGISTRY}/tasks/{{task}}/source", "PATCH"),
    "tasks_list": http(f"{REGISTRY}/tasks", "GET"),
    "tenants_list": http("tenants", "GET"),
    "ui_act_login": http("ui/-/login", "POST"),
    "ui_act_logout": http("ui/-/logout", "POST"),
    "ui_act_pause": http(f"{UI}/pause", "POST"),
    "ui_act_run_again": http(f"{UI}/runs/{{run}}/again", "POST"),
    "ui_act_run_cancel": http(f"{UI}/runs/{{run}}/cancel", "POST"),
    "ui_act_task_disable": http(f"{UI}/tasks/{{task}}/disable", "POST"),
    "ui_act_task_enable": http(f"{UI}/tasks/{{task}}/enable", "POST"),
    "ui_act_task_run": http(f"{UI}/tasks/{{task}}/run", "POST"),
    "ui_act_unpause": http(f"{UI}/unpause", "POST"),
    "ui_act_wave_cancel": http(f"{UI}/waves/{{wave}}/cancel", "POST"),
    "ui_act_wave_resume": http(f"{UI}/waves/{{wave}}/resume", "POST"),
    "ui_graph": http(f"{UI}/graph", "GET"),
    "ui_home": http("{home:maxlength(0)?}", "GET"),
    "ui_login": http("ui/-/login", "GET"),
    "ui_overview": http(UI, "GET"),
    "ui_registries": http("ui", "GET"),
    "ui_run": http(f"{UI}/runs/{{run}}", "GET"),
    "ui_run_log": http(f"{UI}/runs/{{run}}/log", "GET"),
    "ui_run_log_file": http(f"{UI}/runs/{{run}}/log.txt", "GET"),
    "ui_runs": http(f"{UI}/runs", "GET"),
    "ui_sign_in": http("ui/-/sign-in", "GET"),
    "ui_signed_in": http("ui/-/signed-in", "GET"),
    "ui_static": http("ui/-/static/{file}", "GET"),
    "ui_task": http(f"{UI}/tasks/{{task}}", "GET"),
    "ui_task_badge": http(f"{UI}/tasks/{{task}}/badge.svg", "GET"),
    "ui_tasks": http(f"{UI}/tasks", "GET"),
    "ui_wave": http(f"{UI}/waves/{{wave}}", "GET"),
    "ui_waves": http(f"{UI}/waves", "GET"),
    "wave": ("queueTrigger", "waves", (), None),
    "wave_cancel": http(f"{REGISTRY}/waves/{{wave}}/cancel", "POST"),
    "wave_get": http(f"{REGISTRY}/waves/{{wave}}", "GET"),
    "wave_resume": http(f"{REGISTRY}/waves/{{wave}}/resume", "POST"),
    "waves_list": http(f"{REGISTRY}/waves", "GET"),
    "webhook_config": http(f"{REGISTRY}/webhooks/{{webhook}}/getCallbackConfig", "POST"),
    "webhook_delete": http(f"{REGISTRY}/webhooks/{{webhook}}", "DELETE"),
    "webhook_events": http(f"{REGISTRY}/webhooks/{{webhook}}/listEvents", "POST"),
    "webhook_get": http(f"{REGISTRY}/webhooks/{{webhook}}", "GET"),
    "webhook_patch": http(f"{REGISTRY}/webhooks/{{webhook}}", "PATCH"),
    "webhook_ping": http(f"{REGISTRY}/webhooks/{{webhook}}/ping", "POST"),
    "webhook_put": http(f"{REGISTRY}/webhooks/{{webhook}}", "PUT"),
    "webhooks_list": http(f"{REGISTRY}/webhooks", "GET"),
    "zz_not_found": http("{*path}"),
}
"""Function: its trigger; its route, queue or schedule; its methods; who may call it."""
IMPORT = """
import json, sys
network = []
calls = {"socket.connect", "socket.getaddrinfo"}
sys.addaudithook(lambda event, args: network.append(event) if event in calls else None)
import function_app
print(json.dumps({"modules": sorted(sys.modules), "network": network}))
"""


@pytest.fixture(scope="module")
def functions() -> list[Any]:
    return list(function_app.app.get_functions())


def wired(function: Any) -> Wired:
    bindings = [json.loads(text) for text in function.get_raw_bindings()]
    trigger = next(binding for binding in bindings if binding["type"].endswith("Trigger"))
    place = trigger.get("route") or trigger.get("queueName") or trigger.get("schedule")
    return trigger["type"], place, tuple(trigger.get("methods") or ()), trigger.get("authLevel")


def test_the_app_has_these_functions_on_these_triggers(functions):
    assert {function.get_function_name(): wired(function) for function in functions} == WIRING


def test_no_binding_argument_has_an_underscore_which_the_host_refuses(functions):
    names = [binding.name for function in functions for binding in function.get_bindings()]
    assert len(names) >= len(WIRING)
    assert [name for name in names if "_" in name] == []


def test_the_function_for_unmatched_paths_is_tried_last(functions):
    names = sorted(function.get_function_name() for function in functions)
    assert names[-1] == "zz_not_found"


def test_indexing_the_app_imports_no_sdk_and_asks_no_network():
    done = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=60
    )
    seen = json.loads(done.stdout)
    slow = ("azure.storage", "azure.data", "azure.identity", "azure.mgmt", "azure.core", "aiohttp", "cryptography")
    assert [name for name in seen["modules"] if name.startswith(slow)] == []
    assert seen["network"] == []
