"""Requests that mean nothing: always an error as the API prints them, never a fault, and nothing stored."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from live_app import API_VERSION, REGISTRY_ID, SUBSCRIPTION, WHERE, Live

TASK = {
    "location": "local",
    "properties": {
        "step": {
            "type": "Docker",
            "dockerFilePath": "Dockerfile",
            "contextPath": "https://example.invalid/r.git",
            "imageNames": ["app:{{.Run.ID}}"],
        }
    },
}
BUILD = {
    "type": "DockerBuildRequest",
    "sourceLocation": "https://example.invalid/r.git",
    "dockerFilePath": "Dockerfile",
    "imageNames": ["app:1"],
}
OTHER = "11111111-1111-1111-1111-111111111111"


@pytest.fixture(autouse=True)
def _nothing_is_stored(live: Live) -> Iterator[None]:
    def stored() -> tuple[list[str], list[str]]:
        newest = [run.name for run in live.client.runs.list(*WHERE, top=1)]
        return newest, sorted(task.name for task in live.client.tasks.list(*WHERE))

    before = stored()
    yield
    assert stored() == before


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the field at `a.b.0` set."""
    document = copy.deepcopy(body)
    *way, last = path.split(".")
    owner: Any = document
    for part in way:
        owner = owner[int(part)] if part.isdecimal() else owner.setdefault(part, {})
    owner[int(last) if last.isdecimal() else last] = value
    return document


def test_a_path_means_the_same_in_any_case(live):
    path = REGISTRY_ID.replace("Microsoft", "MICROSOFT").replace("resourceGroups/local", "resourcegroups/LOCAL")
    for spelled in (path, path.upper(), path.lower()):
        answer = live.send("GET", f"{spelled}/TASKS?api-version={API_VERSION}")
        assert (answer.status, set(answer.json)) == (200, {"value"})
        assert live.send("GET", f"{spelled}/?API-version=2019-04-01").json["name"] == "baselift"
        refused = live.send("PUT", f"{spelled}/Tasks/x", TASK)
        assert (refused.status, refused.code) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (f"/{SUBSCRIPTION}/", f"/{OTHER}/", OTHER),
        ("/local/", "/elsewhere/", "elsewhere"),
        ("registries/baselift", "registries/unknown", "unknown"),
    ],
)
@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("GET", "", None),
        ("GET", "/tasks", None),
        ("GET", "/tasks/sometask", None),
        ("PUT", "/tasks/sometask", TASK),
        ("PATCH", "/tasks/sometask", {}),
        ("DELETE", "/tasks/sometask", None),
        ("POST", "/tasks/sometask/listDetails", None),
        ("GET", "/runs", None),
        ("GET", "/runs/dn1", None),
        ("POST", "/runs/dn1/cancel", None),
        ("POST", "/runs/dn1/listLogSasUrl", None),
        ("POST", "/scheduleRun", BUILD),
        ("POST", "/listBuildSourceUploadUrl", None),
    ],
)
def test_what_is_not_here_is_404_and_named(live, old, new, named, method, rest, body):
    answer = live.send(method, REGISTRY_ID.replace(old, new) + rest, body)
    assert (answer.status, answer.code) == (404, "ResourceNotFound")
    assert named in answer.message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("POST", "/webhooks"),
        ("GET", "/webhooks/distribution"),
        ("POST", REGISTRY_ID),
        ("POST", f"{REGISTRY_ID}/tasks"),
        ("PUT", f"{REGISTRY_ID}/runs/dn1"),
        ("GET", f"{REGISTRY_ID}/scheduleRun"),
        ("GET", f"{REGISTRY_ID}/tasks/one/two"),
        ("GET", f"{REGISTRY_ID}/replications"),
        ("GET", "/subscriptions/%2e%2e/%2e%2e/etc/passwd"),
        ("GET", "/%00"),
        ("OPTIONS", "/anything"),
    ],
)
def test_a_path_without_a_function_is_404_in_json(live, method, path):
    answer = live.send(method, path)
    assert (answer.status, answer.code) == (404, "InvalidResourceType")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"\xff\xfe",
        b"\x00",
        b"{}",
        b'{"properties": null}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"location": NaN}',
        b"1" * 10_000,
        b'{"location":"\\ud800","properties":{"step":{}}}',
    ],
)
@pytest.mark.parametrize(("method", "path"), [("PUT", "tasks/badbody"), ("POST", "scheduleRun")])
def test_a_body_that_is_no_document_is_refused(live, method, path, body):
    answer = live.ask(method, path, body)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


@pytest.mark.parametrize(("method", "path"), [("PUT", "tasks/largebody"), ("POST", "scheduleRun")])
@pytest.mark.parametrize("size", [500_000, 5_000_000])
def test_a_body_that_is_too_large_is_refused(live, method, path, size):
    whole = (
        changed(TASK, "properties.step.arguments", values(size))
        if method == "PUT"
        else changed(BUILD, "arguments", values(size))
    )
    answer = live.ask(method, path, whole)
    assert (answer.status, answer.code) in {(413, "RequestEntityTooLarge"), (400, "InvalidRequest")}


def values(size: int) -> list[dict[str, str]]:
    """Arguments of that many bytes together, each within its own limit."""
    return [{"name": f"A{number}", "value": "x" * 60_000} for number in range(size // 60_000 + 1)]


@pytest.mark.parametrize("name", ["%00abcd", "%C2%9Fabcd", "x" * 2000, "%E2%82%AC" * 60])
@pytest.mark.parametrize("kind", ["tasks", "taskRuns", "agentPools", "webhooks"])
def test_what_no_resource_can_be_named_is_not_there(live, kind, name):
    for method, body in (("GET", None), ("PATCH", {})):
        answer = live.ask(method, f"{kind}/{name}", body)
        assert (answer.status, answer.code) == (404, "ResourceNotFound")
    assert live.ask("DELETE", f"{kind}/{name}").status == 204
    if kind == "tasks":
        assert live.ask("PUT", f"tasks/{name}/edges", {"base": "a:1", "policy": "ignore"}).status == 404


@pytest.mark.parametrize(
    ("field", "value", "right"),
    [
        ("minutes", True, "minutes is True: it must be 1 to 10080"),
        ("minutes", 1.5, "minutes a number"),
        ("window", 7, "window is a schedule"),
        ("note", ["x"], "note is a list: it must be a string"),
        ("note", "\ud800", "without lone surrogates"),
        ("note", "one\ntwo", "one line without control characters"),
        ("name", "x", "a registry needs none"),
    ],
)
def test_a_pause_with_a_wrong_field_is_refused(live, field, value, right):
    pause = {"kind": "registry", "window": "0 2 * * *", "minutes": 30}
    answer = live.ask("PUT", "pauses", pause | {field: value})
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert right in answer.message


def test_a_digest_never_moves_so_that_nothing_waits_for_it(live):
    for image in (f"app@sha256:{'1' * 64}", f"app:1@sha256:{'1' * 64}"):
        answers = live.ask("PUT", "pauses", {"kind": "base", "name": image}), live.ask("GET", f"preview?image={image}")
        assert [(answer.status, answer.code) for answer in answers] == [(400, "InvalidRequest")] * 2
        assert all("give its tag alone" in answer.message for answer in answers)


@pytest.mark.parametrize(
    "name", ["four", "x" * 51, "with%20blank", "d%C3%B6ner", "a%2Fbcde", "dots.in", "semi;colon", "a%00bcd"]
)
def test_a_task_name_outside_the_rules_is_refused(live, name):
    answer = live.ask("PUT", f"tasks/{name}", TASK)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert "must be 5 to 50 characters of A-Z a-z 0-9 - _" in answer.message


@pytest.mark.parametrize(
    ("path", "value", "right"),
    [
        ("location", None, "location is required"),
        ("properties.step", None, "step is required"),
        ("properties.platform.os", "Windows", "Baselift builds no Windows images"),
        ("properties.platform.architecture", "pdp11", "'amd64'"),
        ("properties.timeout", "60", "300 to 28800"),
        ("properties.timeout", 1e300, "300 to 28800"),
        ("properties.timeout", True, "300 to 28800"),
        ("properties.status", "Sleeping", "'Enabled' or 'Disabled'"),
        ("properties.step.type", "docker", "'Docker'"),
        ("properties.step.dockerFilePath", "../Dockerfile", "inside the context"),
        ("properties.step.contextPath", "ssh://host/r.git", "ssh is not supported"),
        ("properties.step.contextPath", "file:///etc", "files of the server"),
        ("properties.step.imageNames", "app:1", "a list"),
        ("properties.step.imageNames.0", "UPPER CASE:1", "an image name"),
        ("properties.step.imageNames.0", "app@sha256:1", "an image name"),
        ("properties.step.imageNames.0", "app:{{.Run.ID", "'{{' is not closed by '}}'"),
        ("properties.step.arguments", [{"name": "A=B", "value": "1"}], "without '='"),
        ("properties.step.arguments", {}, "a list"),
        ("properties.trigger.timerTriggers", [{"name": "t", "schedule": "whenever"}], "schedule"),
        ("properties.trigger.baseImageTrigger", "yes", "an object"),
        ("tags", ["a"], "an object"),
    ],
)
def test_a_task_with_a_wrong_field_is_refused_with_its_path(live, path, value, right):
    answer = live.ask("PUT", "tasks/wrongfield", changed(TASK, path, value))
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert right in answer.message
    named = path.rpartition(".")[2] if not path[-1].isdecimal() else path.split(".")[-2]
    assert named in answer.message


@pytest.mark.parametrize(
    ("path", "value", "right"),
    [
        ("type", None, "type is required"),
        ("type", "BuildRequest", "'DockerBuildRequest'"),
        ("type", "EncodedTaskRunRequest", "encodedTaskContent is required"),
        ("sourceLocation", None, "sourceLocation is required"),
        ("sourceLocation", "/etc", "upload the directory first"),
        ("sourceLocation", "tasks-source/../../etc", "context"),
        ("dockerFilePath", "", "dockerFilePath"),
        ("imageNames", [], "imageNames is empty"),
        ("imageNames", [7], "a string"),
        ("platform", {"os": "Windows"}, "Baselift builds no Windows images"),
        ("timeout", 299, "300 to 28800"),
        ("isPushEnabled", "true", "true or false"),
        ("credentials", {"customRegistries": {"https://r": {}}}, "customRegistries"),
    ],
)
def test_a_run_request_with_a_wrong_field_is_refused_with_its_path(live, path, value, right):
    answer = live.ask("POST", "scheduleRun", changed(BUILD, path, value))
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert right in answer.message


@pytest.mark.parametrize(
    "task", ["", "sometask", f"{REGISTRY_ID}/runs/dn1", f"{REGISTRY_ID}/tasks/x", f"{REGISTRY_ID}/tasks/a%20b"]
)
def test_a_task_run_must_name_a_task_by_its_id(live, task):
    answer = live.ask("POST", "scheduleRun", {"type": "TaskRunRequest", "taskId": task})
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_a_secret_that_is_refused_is_not_repeated(live):
    step = {
        "contextAccessToken": {"token": "s3cret"},
        "arguments": [{"name": "A", "value": ["s3cret"], "isSecret": True}],
    }
    for field, value in step.items():
        answer = live.ask("PUT", "tasks/wrongsecret", changed(TASK, f"properties.step.{field}", value))
        assert (answer.status, answer.code) == (400, "InvalidRequest")
        assert b"s3cret" not in answer.content
