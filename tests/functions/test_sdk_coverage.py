"""Every operation of the official SDK is tried on the running app; those that no other test tries are tried here."""

import ast
import base64
import inspect
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from azure.mgmt.containerregistrytasks import operations
from live_app import REGISTRY_ID, WHERE, Live

TESTS = Path(__file__).parent
HERE = "test_sdk_coverage"
TRIED = {
    "AgentPools.begin_create": "test_agent_pools::test_a_pool_is_ready_at_once_and_reads_back_as_it_was_sent",
    "AgentPools.begin_delete": "test_agent_pools::test_a_run_that_waits_for_a_deleted_pool_fails_and_says_so",
    "AgentPools.begin_update": "test_agent_pools::test_an_update_changes_the_count_and_nothing_else",
    "AgentPools.get": "test_agent_pools::test_a_pool_is_ready_at_once_and_reads_back_as_it_was_sent",
    "AgentPools.get_queue_status": "test_agent_pools::test_runs_wait_for_a_pool_of_none_and_go_on_when_it_grows",
    "AgentPools.list": "test_agent_pools::test_a_pool_is_ready_at_once_and_reads_back_as_it_was_sent",
    "Registries.get_build_source_upload_url": (
        "test_runs_api::test_the_upload_url_takes_a_source_once_named_by_its_relative_path"
    ),
    "Registries.schedule_run(DockerBuildRequest)": (
        "test_runs_api::test_a_build_from_git_takes_the_branch_the_directory_and_the_arguments"
    ),
    "Registries.schedule_run(EncodedTaskRunRequest)": f"{HERE}::test_an_encoded_task_is_run",
    "Registries.schedule_run(FileTaskRunRequest)": f"{HERE}::test_a_task_file_of_an_uploaded_source_is_run",
    "Registries.schedule_run(TaskRunRequest)": f"{HERE}::test_a_task_with_a_task_file_is_run_with_other_values",
    "Runs.cancel": "test_runs_api::test_a_running_run_is_canceled_within_seconds",
    "Runs.get": "test_runs_api::test_the_log_has_crlf_lines_and_its_mark_comes_after_the_runs_end",
    "Runs.get_log_sas_url": "test_runs_api::test_a_log_link_reads_and_cannot_write",
    "Runs.list": f"{HERE}::test_an_encoded_task_is_run",
    "Runs.update": "test_agent_pools::test_a_run_is_marked_and_the_mark_is_taken_back",
    "TaskRuns.begin_create": "test_task_runs_api::test_a_declared_run_is_made_and_the_client_waits_for_its_end",
    "TaskRuns.begin_update": "test_task_runs_api::test_an_update_with_another_tag_makes_a_run_and_keeps_the_request",
    "TaskRuns.delete": ("test_task_runs_api::test_a_task_run_is_deleted_with_200_and_what_is_not_there_with_204"),
    "TaskRuns.get": "test_task_runs_api::test_details_have_the_secrets_and_nothing_else_has",
    "TaskRuns.get_details": "test_task_runs_api::test_details_have_the_secrets_and_nothing_else_has",
    "TaskRuns.list": "test_task_runs_api::test_the_list_has_every_task_run_with_its_run",
    "Tasks.create": "test_tasks_api::test_the_sdk_creates_a_task_and_reads_back_the_same",
    "Tasks.delete": "test_tasks_api::test_a_task_is_deleted_with_200_and_what_is_not_there_with_204",
    "Tasks.get": "test_tasks_api::test_the_sdk_creates_a_task_and_reads_back_the_same",
    "Tasks.get_details": "test_tasks_api::test_details_have_the_secrets",
    "Tasks.list": "test_tasks_api::test_the_list_has_every_task_once_with_secrets_masked",
    "Tasks.update": "test_tasks_api::test_an_update_changes_what_it_names_and_nothing_else",
}
"""Operation, a run request's type in brackets -> the test that tries it."""
REQUESTS = {"DockerBuildRequest", "EncodedTaskRunRequest", "FileTaskRunRequest", "TaskRunRequest"}


def offered() -> set[str]:
    """Every operation of the SDK's groups."""
    found = set()
    for group in operations.__all__:
        for name, _ in inspect.getmembers(getattr(operations, group), inspect.isfunction):
            if not name.startswith("_"):
                found.add(f"{group.removesuffix('Operations')}.{name}")
    one = "Registries.schedule_run"
    return found - {one} | {f"{one}({kind})" for kind in REQUESTS}


@cache
def functions(module: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((TESTS / f"{module}.py").read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_operation_of_the_sdk_has_a_test():
    assert set(TRIED) == offered()


@pytest.mark.parametrize("operation", sorted(TRIED))
def test_the_test_of_an_operation_is_there_and_calls_it(operation: str):
    module, _, name = TRIED[operation].partition("::")
    name_of_call, _, kind = operation.partition(".")[2].partition("(")
    tree = functions(module)[name]
    calls = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "attr")}
    assert name_of_call in calls
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert not kind or kind.rstrip(")") in texts


def ended(live: Live, request: dict[str, Any]) -> tuple[Any, str]:
    """The run of a request when it has succeeded, and its log."""
    run = live.ended(live.client.registries.schedule_run(*WHERE, request))
    log = live.log(run.name)
    assert run.properties.status == "Succeeded", log
    return run, log


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_an_encoded_task_is_run(live: Live, base: str):
    text = f"version: v1.1.0\nsteps:\n  - cmd: {base} sh -c 'echo hello {{{{.Values.who}}}} of {{{{.Run.ID}}}}'\n"
    request = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": encoded("version: v1.1.0\nsteps:\n  - cmd: nowhere\n"),
        "values": [{"name": "who", "value": "world", "isSecret": False}],
        "platform": {"os": "Linux", "architecture": "amd64"},
    }
    run = live.client.registries.schedule_run(*WHERE, request | {"encodedTaskContent": encoded(text)})
    done = live.ended(run)
    log = live.log(run.name)
    assert (done.properties.status, done.properties.run_type) == ("Succeeded", "QuickRun"), log
    assert f"hello world of {run.name}" in log
    (listed,) = live.client.runs.list(*WHERE, filter=f"RunId eq '{run.name}'")
    assert listed == done


def test_a_task_file_of_an_uploaded_source_is_run(live: Live, base: str):
    app = f"{live.host}/taskfile/app:{{{{.Run.ID}}}}"
    steps = [
        {"build": f"-t {app} ."},
        {"push": [app]},
        {"cmd": f"{app} sh -c 'read -r line </who; echo $line {{{{.Values.who}}}}'"},
    ]
    files = {
        "acb.yaml": json.dumps({"version": "v1.1.0", "steps": steps}),
        "values.yaml": "who: from-a-file\n",
        "Dockerfile": f"FROM {base}\nRUN echo built by a file > /who\n",
    }
    request = {
        "type": "FileTaskRunRequest",
        "taskFilePath": "acb.yaml",
        "valuesFilePath": "values.yaml",
        "sourceLocation": live.upload(files),
        "platform": {"os": "Linux"},
        "values": [],
    }
    run = live.ended(live.client.registries.schedule_run(*WHERE, request))
    log = live.log(run.name)
    assert (run.properties.status, run.properties.run_type) == ("Succeeded", "QuickRun"), log
    assert "built by a file from-a-file" in log
    (image,) = run.properties.output_images
    digest = live.send_registry("HEAD", f"taskfile/app/manifests/{run.name}").headers["docker-content-digest"]
    assert (image.repository, image.tag, image.digest) == ("taskfile/app", run.name, digest)


def test_a_task_with_a_task_file_is_run_with_other_values(live: Live, base: str):
    step = f"{base} sh -c 'echo said {{{{.Values.word}}}}'"
    text = json.dumps({"version": "v1.1.0", "steps": [{"cmd": step}]})
    context = live.git.create("file-task", {"acb.yaml": text})
    step = {"type": "FileTask", "taskFilePath": "acb.yaml", "contextPath": context}
    step |= {"values": [{"name": "word", "value": "task", "isSecret": False}]}
    made = live.client.tasks.create(*WHERE, "file-task", {"location": "local", "properties": {"step": step}})
    assert made.properties.step.as_dict() == step
    request = {"type": "TaskRunRequest", "taskId": f"{REGISTRY_ID}/tasks/file-task"}
    for values, said in (([], "task"), ([{"name": "word", "value": "override"}], "override")):
        asked = request | {"overrideTaskStepProperties": {"values": values}}
        run = live.ended(live.client.registries.schedule_run(*WHERE, asked))
        log = live.log(run.name)
        assert (run.properties.status, run.properties.run_type) == ("Succeeded", "AutoRun"), log
        assert f"said {said}" in log


def test_an_encoded_step_of_a_task_is_kept_and_run(live: Live, base: str):
    content = encoded(f"version: v1.1.0\nsteps:\n  - cmd: {base} sh -c 'echo from inside'\n")
    step = {"type": "EncodedTask", "encodedTaskContent": content, "values": []}
    made = live.client.tasks.create(*WHERE, "encoded-task", {"location": "local", "properties": {"step": step}})
    assert made.properties.step.encoded_task_content == content
    _, log = ended(live, {"type": "TaskRunRequest", "taskId": f"{REGISTRY_ID}/tasks/encoded-task"})
    assert "from inside" in log
