"""No secret that a route is given comes out anywhere but where it is asked for: planted, and looked for everywhere."""

import base64
import gzip
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient
from live_app import FINAL, GROUP, REGISTRY_ID, SUBSCRIPTION, WHERE, Answer, Live, live_app, until

OTHER = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.ContainerRegistry/registries/elsewhere"
)
KEPT_BY_DESIGN = {"secret.key", "webhook.secret", "config.yml", "endpoint.json"}
"""Files of the state that hold the settings' own secrets, for their owner only."""
REQUEST_ID = "marker-request-id-which-is-no-secret"
NAMES = (
    "task-argument task-context-token task-url-token hook-token hook-refresh custom-user custom-password "
    "run-argument run-url-token run-custom-password override-argument override-url-token value task-value "
    "task-run-argument registered-password patched-argument patched-token refused-url-token refused-argument "
    "endpoint-address webhook-address webhook-header webhook-signing"
)
MARKERS = {name: f"MARK{number:02d}{name.replace('-', '').upper()}Zq7" for number, name in enumerate(NAMES.split())}
SLEEP = "/bin/busybox sleep 2"


@cache
def forms(secret: str) -> tuple[bytes, ...]:
    """A secret as it is, and in base64 wherever in a text it begins, as Basic logins have it."""
    encoded = [base64.b64encode(b"x" * before + secret.encode()).rstrip(b"=") for before in range(3)]
    return secret.encode(), encoded[0][:-2], encoded[1][4:-2], encoded[2][4:-2]


def found(content: bytes, markers: dict[str, str] | None = None) -> set[str]:
    """The names of the markers that are in the content."""
    wanted = MARKERS if markers is None else markers
    return {name for name, secret in wanted.items() if any(form in content for form in forms(secret))}


def secret(name: str, of: str) -> dict[str, Any]:
    return {"name": name, "value": MARKERS[of], "isSecret": True}


def logins(host: str, password: str, user: str | None = None) -> dict[str, Any]:
    login = {"password": {"type": "Opaque", "value": MARKERS[password]}}
    login["userName"] = {"type": "Opaque", "value": MARKERS[user] if user else "somebody"}
    return {"customRegistries": {host: login}}


class ProcessWatch:
    """Looks at the arguments of every process of the machine, over and over, until it is told to stop."""

    def __init__(self) -> None:
        self.seen: dict[str, bytes] = {}
        self.looked = 0
        self._lines: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="process watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            for process in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208  # far quicker than Path
                try:
                    line = Path("/proc", process, "cmdline").read_bytes()
                except OSError:
                    continue
                if line not in self._lines:
                    self._lines.add(line)
                    self.seen |= dict.fromkeys(found(line), line)
            self.looked += 1


@dataclass
class Story:
    """What was done to the app: its answers, its runs, and the processes meanwhile."""

    live: Live
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    processes: ProcessWatch = field(default_factory=ProcessWatch)

    def ask(self, method: str, path: str, body: Any = None, expected: int = 200, **headers: str) -> Answer:
        answer = self.live.ask(method, path, body, **headers)
        self.answers.append((f"{method} {path}", answer))
        assert answer.status == expected, (method, path, answer)
        return answer

    def other(self, method: str, body: Any = None) -> Answer:
        answer = self.live.send(method, f"{OTHER}?api-version=2025-03-01-preview", body)
        self.answers.append((f"{method} {OTHER}", answer))
        assert answer.status == 200
        return answer

    def run(self, request: dict[str, Any], wanted: str = "Succeeded") -> str:
        """Schedule a run and wait for its end; return its id."""
        answer = self.ask("POST", "scheduleRun", request, **{"x-ms-client-request-id": REQUEST_ID})
        name = str(answer.json["name"])
        self.runs.append(name)
        self.end(name, wanted)
        return name

    def end(self, run: str, wanted: str) -> None:
        def status() -> str | None:
            answer = self.live.ask("GET", f"runs/{run}")
            return answer.json["properties"]["status"] if answer.json["properties"]["status"] in FINAL else None

        assert until(status, 60) == wanted, self.live.log(run)


def with_user(url: str, token: str) -> str:
    """The URL with a token in it."""
    return url.replace("http://", f"http://someone:{MARKERS[token]}@")


def task(context: str, **step: Any) -> dict[str, Any]:
    whole = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": context, "isPushEnabled": False}
    return {"location": "local", "properties": {"step": whole | step}}


def whole_task(context: str) -> dict[str, Any]:
    """A task with a secret in every place for one."""
    document = task(
        context,
        imageNames=["markers/task:1"],
        isPushEnabled=True,
        arguments=[secret("TOKEN", "task-argument"), {"name": "PLAIN", "value": "plain"}],
        contextAccessToken=MARKERS["task-context-token"],
    )
    hook = {"tokenType": "PAT", "token": MARKERS["hook-token"], "refreshToken": MARKERS["hook-refresh"]}
    repository = {"sourceControlType": "Github", "repositoryUrl": context, "sourceControlAuthProperties": hook}
    source = {"name": "source", "status": "Disabled", "sourceTriggerEvents": ["commit"]}
    endpoint = f"https://builds.example/moved?code={MARKERS['endpoint-address']}"
    base = {"name": "base", "status": "Disabled", "updateTriggerEndpoint": endpoint}
    sources = [source | {"sourceRepository": repository}]
    document["properties"]["trigger"] = {"baseImageTrigger": base, "sourceTriggers": sources}
    document["properties"]["credentials"] = logins("custom.example", "custom-password", "custom-user")
    return document


def webhook() -> dict[str, Any]:
    """A target that nobody is at."""
    properties = {"serviceUri": f"http://localhost:9/in?code={MARKERS['webhook-address']}"}
    properties["customHeaders"] = {"Authorization": f"Bearer {MARKERS['webhook-header']}"}
    properties["secret"] = f"whsec_{base64.b64encode((MARKERS['webhook-signing'] + 'and more').encode()).decode()}"
    return {"location": "local", "properties": properties | {"actions": ["run_succeeded", "run_failed"]}}


def tell(story: Story, base: str) -> None:
    """Give every route its secrets, and run what uses them."""
    live, upload = story.live, story.live.upload
    use = f'RUN echo "told $TOKEN and $PLAIN"; {SLEEP}'
    dockerfile = f"FROM {base}\nARG TOKEN\nARG PLAIN=none\n{use}\n"
    context = live.git.create("markers", {"Dockerfile": dockerfile})

    story.ask("PUT", "webhooks/marked", webhook())
    story.ask("PATCH", "webhooks/marked", webhook())
    story.ask("PUT", "tasks/whole-task", whole_task(context))
    story.ask("PUT", "tasks/url-task", task(with_user(context, "task-url-token")))
    story.ask("PUT", "tasks/patched", task(context))
    changes = {"arguments": [secret("TOKEN", "patched-argument")], "contextAccessToken": MARKERS["patched-token"]}
    story.ask("PATCH", "tasks/patched", {"properties": {"step": {"type": "Docker"} | changes}})
    login = {"username": "somebody", "password": MARKERS["registered-password"]}
    registration = {"loginServer": "elsewhere.example", "credentials": login}
    story.other("PUT", {"location": "local", "properties": registration})
    story.other("PATCH", {"properties": {"credentials": login}})

    one_run = {"type": "DockerBuildRequest", "dockerFilePath": "Dockerfile", "isPushEnabled": True}
    one_run |= {"sourceLocation": upload({"Dockerfile": dockerfile}), "imageNames": ["markers/run:1"]}
    one_run |= {"arguments": [secret("TOKEN", "run-argument")]}
    story.run(one_run | {"credentials": logins("custom.example", "run-custom-password")})
    unreachable = {"Dockerfile": "FROM localhost:9/nothing:1\n"}
    failing = one_run | {"credentials": logins("localhost:9", "run-custom-password"), "imageNames": ["markers/no:1"]}
    story.run(failing | {"sourceLocation": upload(unreachable)}, "Failed")
    absent = with_user(live.git.address("absent"), "run-url-token")
    story.run(one_run | {"sourceLocation": absent}, "Failed")

    of_task = {"type": "TaskRunRequest", "taskId": f"{REGISTRY_ID}/tasks/whole-task"}
    story.run(of_task)
    overridden = {"arguments": [secret("PLAIN", "override-argument")]}
    overridden["contextPath"] = with_user(context, "override-url-token")
    story.run(of_task | {"overrideTaskStepProperties": overridden})

    env = {"cmd": f"{base} sh -c 'echo told $TOKEN; {SLEEP}'", "env": ["TOKEN={{.Values.token}}"]}
    text = base64.b64encode(json.dumps({"version": "v1.1.0", "steps": [env]}).encode()).decode()
    quick = {"type": "EncodedTaskRunRequest", "encodedTaskContent": text, "platform": {"os": "Linux"}}
    story.run(quick | {"values": [secret("token", "value")]})
    step = {"type": "EncodedTask", "encodedTaskContent": text, "values": [secret("token", "task-value")]}
    story.ask("PUT", "tasks/encoded-task", {"location": "local", "properties": {"step": step}})
    story.run({"type": "TaskRunRequest", "taskId": f"{REGISTRY_ID}/tasks/encoded-task"})

    request = one_run | {"arguments": [secret("TOKEN", "task-run-argument")], "imageNames": ["markers/task-run:1"]}
    declared = {"location": "local", "properties": {"runRequest": request, "forceUpdateTag": "1"}}
    made = story.ask("PUT", "taskRuns/declared", declared).json["properties"]["runResult"]["name"]
    story.runs.append(made)
    story.end(made, "Succeeded")

    archive = f"https://someone:{MARKERS['refused-url-token']}@files.example/source.tar.gz"
    story.ask("POST", "scheduleRun", one_run | {"sourceLocation": archive}, 400)
    wrong = {"name": "TOKEN", "value": [MARKERS["refused-argument"]], "isSecret": True}
    story.ask("POST", "scheduleRun", one_run | {"arguments": [wrong]}, 400)
    story.ask("PUT", "tasks/refused", task(archive), 400)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with live_app(tmp_path_factory.mktemp("markers") / "state") as live:
        live.push_base("base/node:1", "1")
        told = Story(live)
        with told.processes:
            tell(told, f"{live.host}/base/node:1")
        yield told


def test_the_markers_were_used(story: Story):
    """What follows would pass too if nothing had happened."""
    logs = "".join(story.live.log(run) for run in story.runs)
    assert logs.count("told ***") >= 6
    assert story.processes.looked > 50
    assert found(b"Basic " + base64.b64encode(f"user:{MARKERS['hook-token']}".encode())) == {"hook-token"}
    assert len(MARKERS) == len(NAMES.split()) == 24


def test_the_watch_sees_a_process_that_has_a_secret_among_its_arguments():
    with ProcessWatch() as watch:
        subprocess.run(["sh", "-c", "sleep 0.5; exit 0", MARKERS["value"]], check=True)
    assert set(watch.seen) == {"value"}


def test_no_process_has_a_secret_among_its_arguments(story: Story):
    assert story.processes.seen == {}


def test_no_answer_has_a_secret(story: Story):
    tasks = ("whole-task", "url-task", "patched", "encoded-task")
    paths = ["", "tasks", "runs", "taskRuns", "agentPools", "listUsages", "taskRuns/declared"]
    paths += ["webhooks", "webhooks/marked"]
    paths += [f"tasks/{name}" for name in tasks] + [f"runs/{run}" for run in story.runs]
    for path in paths:
        story.ask("GET", path)
    for run in story.runs:
        story.ask("POST", f"runs/{run}/listLogSasUrl")
        story.ask("PATCH", f"runs/{run}", {"isArchiveEnabled": False})
    story.ask("PATCH", "tasks/whole-task", {"tags": {"a": "b"}})
    story.other("GET")
    assert any(event["attempts"] for event in story.ask("POST", "webhooks/marked/listEvents").json["value"])
    leaks = {
        what: names for what, answer in story.answers if (names := found(answer.content + str(answer.headers).encode()))
    }
    assert leaks == {}


def test_no_log_has_a_secret(story: Story):
    for run in story.runs:
        assert found(story.live.log(run).encode()) == set(), run
    secret = {"webhook": story.live.webhook_secret}
    story.live.send("POST", f"/webhooks/dockerhub?secret={story.live.webhook_secret}", {})
    for log in story.live.directory.rglob("*.log"):
        content = log.read_bytes()
        assert (found(content), found(content, secret)) == (set(), set()), log


def test_no_row_message_or_blob_has_a_secret_in_clear(story: Story):
    connection, leaks, rows = story.live.stack.azurite.connection_string, {}, 0
    with TableServiceClient.from_connection_string(connection) as tables:
        for table in tables.list_tables():
            for row in tables.get_table_client(table.name).list_entities():
                rows += 1
                for name, value in row.items():
                    content = value if isinstance(value, bytes) else str(value).encode()
                    leaks |= {f"{table.name} {row['PartitionKey']} {name}": each for each in [found(content)] if each}
    with QueueServiceClient.from_connection_string(connection) as queues:
        for queue in queues.list_queues():
            for message in queues.get_queue_client(queue.name).peek_messages(32):
                leaks |= {f"queue {queue.name}": each for each in [found(str(message.content).encode())] if each}
    with BlobServiceClient.from_connection_string(connection) as blobs:
        for container in blobs.list_containers():
            client = blobs.get_container_client(container.name)
            for blob in client.list_blobs(include=["metadata"]):
                content = client.download_blob(blob.name).readall() + f"{blob.name}{blob.metadata}".encode()
                leaks |= {f"blob {blob.name}": each for each in [found(content)] if each}
    assert leaks == {}
    assert rows > len(story.runs)


@pytest.mark.parametrize("image", ["task", "run", "task-run"])
def test_no_image_has_a_secret_in_its_manifest_history_or_layers(story: Story, image: str):
    manifest = story.live.send_registry("GET", f"markers/{image}/manifests/1")
    assert manifest.status == 200
    assert found(manifest.content) == set()
    for part in (manifest.json["config"], *manifest.json["layers"]):
        blob = story.live.send_registry("GET", f"markers/{image}/blobs/{part['digest']}").content
        assert found(gzip.decompress(blob) if part["mediaType"].endswith("gzip") else blob) == set(), part


def test_no_file_of_the_state_has_a_secret(story: Story):
    files = [path for path in story.live.directory.rglob("*") if path.is_file() and not path.is_symlink()]
    leaks = {str(path): names for path in files if (names := found(path.read_bytes()))}
    assert leaks == {}
    secret = {"webhook": story.live.webhook_secret}
    assert [str(path) for path in files if path.name not in KEPT_BY_DESIGN and found(path.read_bytes(), secret)] == []


def test_details_give_every_secret_of_a_task_back(story: Story):
    def details(path: str) -> set[str]:
        return found(story.live.ask("POST", f"{path}/listDetails").content)

    whole = {"task-argument", "task-context-token", "hook-token", "hook-refresh", "custom-user", "custom-password"}
    whole |= {"endpoint-address"}
    assert details("tasks/whole-task") == whole
    assert details("tasks/url-task") == {"task-url-token"}
    assert details("tasks/patched") == {"patched-argument", "patched-token"}
    assert details("tasks/encoded-task") == {"task-value"}
    assert details("taskRuns/declared") == {"task-run-argument"}
    config = story.live.ask("POST", "webhooks/marked/getCallbackConfig")
    assert found(config.content) == {"webhook-address", "webhook-header", "webhook-signing"}
    credentials = story.live.send("POST", f"{OTHER}/listCredentials?api-version=2025-03-01-preview")
    assert found(credentials.content) == {"registered-password"}
    step = story.live.client.tasks.get_details(*WHERE, "url-task").properties.step
    assert MARKERS["task-url-token"] not in step.context_path
