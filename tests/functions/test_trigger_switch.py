"""The switch of the base image trigger: off, a moved base causes no run; on again, exactly one comes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_app import WHERE, Live, until

ROUND = "Executed 'Functions.reconcile' (Succeeded"
COMMAND = Path(sys.executable).with_name("baselift")
Switch = Callable[[Live, str, bool], None]


def by_sdk(live: Live, task: str, on: bool) -> None:
    status = "Enabled" if on else "Disabled"
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": status}}
    live.client.tasks.update(*WHERE, task, {"properties": {"trigger": trigger}})


def by_command(live: Live, task: str, on: bool) -> None:
    words = [str(COMMAND), "task", "update", "--name", task, "--base-image-trigger-enabled", str(on)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BASELIFT_")}
    subprocess.run(words, env=environment | {"BASELIFT_URL": live.url}, check=True, capture_output=True, timeout=60)


def rounds(live: Live, count: int = 3) -> None:
    """Wait until the reconciler has gone round that many times."""
    log = live.directory / "app.log"
    before = log.read_text().count(ROUND)
    until(lambda: log.read_text().count(ROUND) > before + count or None)


def runs(live: Live, task: str) -> list[Any]:
    return list(live.client.runs.list(*WHERE, filter=f"TaskName eq '{task}'"))


@pytest.mark.parametrize("switch", [by_sdk, pytest.param(by_command, marks=pytest.mark.campaign)])
def test_a_base_that_moves_while_the_trigger_is_off_causes_one_run_when_it_is_on_again(live: Live, switch: Switch):
    task = f"switched-{switch.__name__.replace('_', '-')}"
    image = f"{task}/base:1"
    live.push_base(image, "1")
    context = live.git.create(task, {"Dockerfile": f"FROM {live.host}/{image}\nRUN echo version $VERSION\n"})
    step = {"type": "Docker", "dockerFilePath": "Dockerfile", "contextPath": context, "imageNames": [f"{task}/app:1"]}
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}}
    live.client.tasks.create(*WHERE, task, {"location": "local", "properties": {"step": step, "trigger": trigger}})
    until(lambda: live.client.tasks.get(*WHERE, task).properties.step.base_image_dependencies)

    switch(live, task, False)
    moved = live.push_base(image, "2").properties.output_images[0]
    rounds(live)
    assert runs(live, task) == []

    switch(live, task, True)
    run = live.ended(until(lambda: next(iter(runs(live, task)), None)))
    rounds(live)
    assert [each.name for each in runs(live, task)] == [run.name]
    assert run.properties.status == "Succeeded"
    (cause,) = run.properties.image_update_trigger.images
    assert (cause.repository, cause.tag, cause.digest) == (moved.repository, moved.tag, moved.digest)
    assert "version 2" in live.log(run.name)

    live.push_base(image, "3")
    until(lambda: len(runs(live, task)) == 2 or None)
