"""`script/demo --family`: three levels, a diamond, and at the bottom an image that is built once, after its parents."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parts.commands import Run, Shell, runs_of
from parts.container import run_image
from parts.errors import PartError
from parts.story import POLL_SECONDS, Scene, head

SAMPLE = "family"
BASE = "base/os:1"
IMAGES = {"runtime": "team/runtime:1", "tools": "team/tools:1", "webshop": "webshop:1"}
"""Task -> the image that it pushes, parents first."""
LEAF = "webshop"
WAIT_SECONDS = 120.0
PICTURE = """
              base/os:1
              /       \\
  team/runtime:1     team/tools:1
              \\       /
             webshop:1             FROM team/runtime:1, COPY --from team/tools:1
"""


def tell(scene: Scene) -> None:
    """Plays it, printing each command and what it says.

    Raises:
        PartError: a step failed, the wave did not end in time, or an image was built more than once or too early.
    """
    shell = Shell(scene.directory / SAMPLE, {"BASELIFT_URL": scene.app})
    print(PICTURE, end="")
    head(1, "Build the base image")
    _build_base(shell)
    head(2, "A task for each of the three images; all of them are built once")
    for task in IMAGES:
        _create_task(shell, scene, task)
    _show_leaf(scene, "1")
    head(3, "What would happen if the base image moved?")
    shell.show("baselift", "preview", BASE)
    head(4, "It moves: RELEASE 1 becomes 2, under the same tag")
    _change_release(shell.directory / "Dockerfile-os")
    _build_base(shell)
    head(5, "Nobody does anything; the family follows, in order")
    wave = _finished(shell)
    shell.show("baselift", "wave", "show", wave["name"], "--output", "table")
    _show_leaf(scene, "2")
    print(f"\n{judged(wave, runs_of(shell))}")


def _build_base(shell: Shell) -> None:
    shell.show("baselift", "build", "--image", BASE, "--file", "Dockerfile-os", "--no-logs", "--output", "table", ".")


def _create_task(shell: Shell, scene: Scene, task: str) -> None:
    source = ["--context", f"{scene.git}/{SAMPLE}.git", "--file", f"Dockerfile-{task}"]
    named = ["--name", task, "--image", IMAGES[task], "--arg", f"REGISTRY_NAME={scene.registry}"]
    trigger = ["--base-image-trigger-type", "All"]
    shell.show("baselift", "task", "create", *named, *source, *trigger, "--output", "table")
    shell.show("baselift", "task", "run", "--name", task, "--no-logs", "--output", "table")


def _change_release(dockerfile: Path) -> None:
    dockerfile.write_text(dockerfile.read_text().replace("RELEASE=1", "RELEASE=2"))
    print(f"$ sed -i s/RELEASE=1/RELEASE=2/ {dockerfile.name}")


def _finished(shell: Shell) -> Mapping[str, Any]:
    """The only wave, when it has ended."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        waves = json.loads(shell.read("baselift", "wave", "list", "--output", "json"))
        if waves and waves[0]["state"] == "finished" and len(waves) == 1:
            return dict(waves[0])
        time.sleep(POLL_SECONDS)
    raise PartError(f"no wave ended within {WAIT_SECONDS:.0f} s")


def _show_leaf(scene: Scene, release: str) -> None:
    image = f"{scene.registry}/{IMAGES[LEAF]}"
    print(f"\n$ buildah run {image}", flush=True)
    said = run_image(image, scene.directory / "containers")
    print(said.strip())
    if said.count(f"of release {release}") != len(IMAGES) - 1:
        raise PartError(f"{image} does not stand on release {release} alone")


def judged(wave: Mapping[str, Any], runs: list[Run]) -> str:
    """The closing line, when each image was built once, and the leaf on what its parents had pushed.

    Raises:
        PartError: it was not so.
    """
    caused = {
        task: [run for run in runs if run.get("task") == task and run.get("imageUpdateTrigger")] for task in IMAGES
    }
    if again := {task: len(found) for task, found in caused.items() if len(found) != 1}:
        raise PartError(f"built otherwise than once: {again}")
    pushed = {image["digest"] for task in IMAGES if task != LEAF for image in caused[task][0]["outputImages"]}
    stood_on = {image["digest"] for image in caused[LEAF][0]["imageUpdateTrigger"]["images"]}
    if stood_on != pushed:
        raise PartError(f"{LEAF} was built on {sorted(stood_on)}, its parents pushed {sorted(pushed)}")
    return f"{wave['total']} images, {wave['total']} builds: {LEAF} was built once, on both of its new parents."
