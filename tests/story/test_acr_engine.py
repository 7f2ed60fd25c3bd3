"""One Baselift has another build for it, as it has a registry's own agents."""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_app import BASE, BUSYBOX, REGISTRY_ID, WHERE, Live, live_app, until
from parts.app import App
from parts.settings import Places, app_environment, app_settings


@contextmanager
def asking(agents: Live, directory: Path) -> Iterator[Live]:
    """A Baselift that cannot build, on the registry of the one that builds for it."""
    given = {
        "BASELIFT_ENGINE": "acr",
        "BASELIFT_ACR_ENDPOINT": agents.url,
        "BASELIFT_ACR_SECONDS": "1",
        "BASELIFT_LOGIN_SERVER": agents.host,
        "BASELIFT_SETTLE_SECONDS": "0",
    }
    with live_app(directory, settings=given) as live:
        yield live


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_app(tmp_path_factory.mktemp("agents"), notifications=False) as live:
        yield live


@pytest.fixture(scope="module")
def asker(agents: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with asking(agents, tmp_path_factory.mktemp("asker")) as live:
        yield live


def there(agents: Live) -> list[str]:
    """The agents' runs, oldest first."""
    return [run.name for run in agents.client.runs.list(*WHERE)][::-1]


def version(agents: Live, repository: str, tag: str) -> str:
    manifest = agents.send_registry("GET", f"{repository}/manifests/{tag}").json
    config = agents.send_registry("GET", f"{repository}/blobs/{manifest['config']['digest']}").json
    return dict(each.split("=", 1) for each in config["config"]["Env"])["VERSION"]


def test_a_task_follows_its_base_image_through_the_agents(agents: Live, asker: Live) -> None:
    before = there(agents)
    base = f"{agents.host}/base:1"
    asker.push_base("base:1", "one")
    context = asker.git.create("app.git", {"Dockerfile": "ARG REG\nFROM $REG/base:1 AS b\nFROM b\n"})
    task = {
        "location": "local",
        "properties": {
            "platform": {"os": "Linux", "architecture": "amd64"},
            "step": {
                "type": "Docker",
                "contextPath": context,
                "dockerFilePath": "Dockerfile",
                "imageNames": ["app:{{.Run.ID}}", "app:latest"],
                "arguments": [{"name": "REG", "value": agents.host, "isSecret": False}],
            },
            "trigger": {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}},
        },
    }
    assert asker.ask("PUT", "tasks/hello", task).status == 200
    first = asker.ended(asker.client.registries.schedule_run(*WHERE, {"type": "TaskRunRequest", "taskId": task_id()}))
    assert first.properties.status == "Succeeded", asker.log(first.name)
    log = asker.log(first.name)
    assert f"Base image {base} is at sha256:" in log
    assert f"{agents.host}/base@sha256:" in log
    assert f"Run ID: {first.name} was successful" in log
    assert {image.tag for image in first.properties.output_images} == {first.name, "latest"}
    assert version(agents, "app", "latest") == "one"

    asker.push_base("base:1", "two")
    second = rebuilt(asker, first.name)
    assert second.properties.status == "Succeeded"
    assert second.properties.image_update_trigger.images[0].repository == "base"
    assert version(agents, "app", second.name) == version(agents, "app", "latest") == "two"
    assert len(there(agents)) - len(before) == 4


def task_id() -> str:
    return f"{REGISTRY_ID}/tasks/hello"


def rebuilt(live: Live, first: str) -> object:
    def look() -> object:
        runs = [run for run in live.client.runs.list(*WHERE) if run.properties.task == "hello" and run.name != first]
        return runs[0] if runs else None

    return live.ended(until(look))


def slow(live: Live, name: str) -> object:
    text = f'{BASE}RUN ["/bin/busybox", "sh", "-c", "echo begun; sleep 3; echo done"]\n'
    return live.build({"Dockerfile": text, "busybox": BUSYBOX}, f"{name}:1")


def going(agents: Live, count: int) -> str:
    """The agents' newest run, once there are more than `count` and it goes on."""

    def look() -> str | None:
        runs = list(agents.client.runs.list(*WHERE))
        found = runs[0] if len(runs) > count else None
        return found.name if found and found.properties.status == "Running" else None

    return until(look)


@pytest.mark.campaign
def test_a_cancel_is_passed_on(agents: Live, asker: Live) -> None:
    count = len(there(agents))
    run = slow(asker, "canceled")
    remote = going(agents, count)
    asker.client.runs.cancel(*WHERE, run.name)
    assert asker.ended(run).properties.status == "Canceled"
    assert agents.client.runs.get(*WHERE, remote).properties.status == "Canceled"
    assert agents.send_registry("GET", "canceled/manifests/1").status == 404


@pytest.mark.campaign
def test_a_failure_there_is_told_here_without_a_secret(agents: Live, asker: Live) -> None:
    text = f'{BASE}ARG KEY\nRUN ["/bin/busybox", "sh", "-c", "echo it is $KEY; exit 3"]\n'
    arguments = [{"name": "KEY", "value": "hush-hush-17", "isSecret": True}]
    run = asker.ended(asker.build({"Dockerfile": text, "busybox": BUSYBOX}, "failed:1", arguments=arguments))
    assert run.properties.status == "Failed"
    log = asker.log(run.name)
    assert "it is" in log
    assert "hush-hush" not in log
    assert "hush-hush" not in json.dumps(run.as_dict(), default=str)


STEPS = """
version: v1.1.0
steps:
- build: -t $Registry/inner:$ID -f Inner .
- build: -t $Registry/steps:$ID --build-arg INNER=$Registry/inner:$ID .
- push: [$Registry/steps:$ID]
- cmd: $Registry/steps:$ID /bin/busybox echo '{{`{{.Run.ID}}`}}'
"""


def test_the_steps_of_a_task_file_are_carried_out_there_on_the_digests_that_were_found_here(
    agents: Live, asker: Live
) -> None:
    asker.push_base("steps-base:1", "one")
    source = asker.upload(
        {
            "Inner": f"FROM {agents.host}/steps-base:1\n",
            "Dockerfile": "ARG INNER\nFROM $INNER\n",
        }
    )
    content = base64.b64encode(STEPS.encode()).decode()
    request = {
        "type": "EncodedTaskRunRequest",
        "encodedTaskContent": content,
        "sourceLocation": source,
        "platform": {"os": "Linux"},
    }
    run = asker.ended(asker.client.registries.schedule_run(*WHERE, request))
    log = asker.log(run.name)
    assert run.properties.status == "Succeeded", log
    assert f"Base image {agents.host}/steps-base:1 is at sha256:" in log
    assert f"{agents.host}/steps-base@sha256:" in log
    assert [(image.repository, image.tag) for image in run.properties.output_images] == [("steps", run.name)]
    assert version(agents, "steps", run.name) == "one"
    assert "\n{{.Run.ID}}" in log


@pytest.mark.campaign
def test_a_killed_asker_goes_on_with_the_same_run_there(agents: Live, tmp_path: Path) -> None:
    with asking(agents, tmp_path / "killed") as live:
        count = len(there(agents))
        run = slow(live, "killed")
        going(agents, count)
        app = live.stack.app
        app.child.process.kill()
        app.child.process.wait()
        again = restarted(live)
        try:
            assert live.ended(run).properties.status == "Succeeded"
            lines = live.log(run.name).splitlines()
            assert (lines.count("begun"), lines.count("done")) == (1, 1)
            assert len(there(agents)) == count + 1
        finally:
            again.stop()


def restarted(live: Live) -> App:
    stack = live.stack
    places = Places(stack.app.port, stack.registry.port, stack.azurite.connection_string)
    settings = app_settings(live.directory, places, os.environ)
    return App.start(
        stack.app.port, app_environment(live.directory, settings, os.environ), live.directory / "again.log"
    )
