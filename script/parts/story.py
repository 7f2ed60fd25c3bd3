"""The six steps: an image is built on a base image, the base image moves, and the image follows."""

import contextlib
import re
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from parts.app import REPOSITORY
from parts.commands import Run, Shell, runs_of
from parts.container import run_image
from parts.errors import PartError
from parts.repositories import Repository

SAMPLE = "acr-build-helloworld-node"
BASE = "baseimages/node:9-alpine"
TASK = "taskhelloworld"
OLD_VERSION, NEW_VERSION = "9.11.2", "9.11.3"
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.25
FINAL = {"Succeeded", "Failed", "Canceled", "Error", "Timeout"}
BUSYBOX = Path("/bin/busybox")


@dataclass(frozen=True)
class Scene:
    """Where the story plays: a directory of its own, the app's and the git server's addresses, the registry's host."""

    directory: Path
    app: str
    git: str
    registry: str

    @property
    def sample(self) -> Path:
        """The working copy of the sample."""
        return self.directory / SAMPLE


def write_sources(directory: Path, git_root: Path, name: str = SAMPLE) -> None:
    """Copies a sample, puts a static busybox beside its base image's Dockerfile, and makes its git repository."""
    sample = REPOSITORY / "samples" / name
    copy = shutil.copytree(sample, directory / name)
    shutil.copy(BUSYBOX, copy / "busybox")
    git_root.mkdir(parents=True, exist_ok=True)
    Repository.of_directory(git_root / f"{name}.git", sample)


def tell(scene: Scene) -> None:
    """Plays the six steps, printing each command and what it says.

    Raises:
        PartError: a step failed, or the new run did not come in time.
    """
    shell = Shell(scene.sample, {"BASELIFT_URL": scene.app})
    head(1, "Build the base image")
    _build_base(shell)
    head(2, "Create a task that builds an image on it")
    _create_task(shell, scene)
    head(3, "Run the task")
    shell.show("baselift", "task", "run", "--name", TASK)
    head(4, "Its runs so far")
    _list_runs(shell)
    head(5, f"The base image changes: NODE_VERSION {OLD_VERSION} becomes {NEW_VERSION}, under the same tag")
    _change_version(scene.sample / "Dockerfile-base")
    _build_base(shell)
    pushed = _last_base_run(shell)
    head(6, "Nobody does anything; the image is built again")
    rebuilt = _wait_for_rebuild(shell)
    _list_runs(shell)
    _show_version(scene, rebuilt)
    print(f"\n{speed(pushed, rebuilt)}")


def head(number: int, text: str) -> None:
    """The line over a step."""
    print(f"\n== {number}. {text}", flush=True)


def _build_base(shell: Shell) -> None:
    shell.show("baselift", "build", "--image", BASE, "--file", "Dockerfile-base", ".")


def _create_task(shell: Shell, scene: Scene) -> None:
    named = ["--name", TASK, "--image", "helloworld:{{.Run.ID}}", "--arg", f"REGISTRY_NAME={scene.registry}"]
    source = ["--context", f"{scene.git}/{SAMPLE}.git", "--file", "Dockerfile-app"]
    shell.show("baselift", "task", "create", *named, *source)


def _list_runs(shell: Shell) -> None:
    shell.show("baselift", "task", "list-runs", "--output", "table")


def _change_version(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    dockerfile.write_text(text.replace(OLD_VERSION, NEW_VERSION))
    print(f"$ sed -i s/{re.escape(OLD_VERSION)}/{NEW_VERSION}/ {dockerfile.name}")


def _last_base_run(shell: Shell) -> Run:
    return next(run for run in runs_of(shell) if not run.get("task"))


def _wait_for_rebuild(shell: Shell) -> Run:
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        caused = [run for run in runs_of(shell) if run.get("imageUpdateTrigger")]
        if caused and caused[0]["status"] in FINAL:
            return _succeeded(shell, caused[0])
        time.sleep(POLL_SECONDS)
    raise PartError(f"no run with trigger Image Update ended within {WAIT_SECONDS:.0f} s")


def _succeeded(shell: Shell, run: Run) -> Run:
    if run["status"] != "Succeeded":
        # Its log goes with the rest when the demo ends. The command ends with code 1, for the run.
        with contextlib.suppress(PartError):
            shell.show("baselift", "task", "logs", "--run-id", run["runId"])
        raise PartError(f"run {run['runId']} ended {run['status']}")
    return run


def _show_version(scene: Scene, run: Run) -> None:
    image = f"{scene.registry}/helloworld:{run['runId']}"
    print(f"\n$ buildah run {image}", flush=True)
    said = run_image(image, scene.directory / "containers")
    print(said, end="", flush=True)
    if NEW_VERSION not in said:
        raise PartError(f"{image} does not show the new version {NEW_VERSION}")


def speed(pushed: Run, rebuilt: Run) -> str:
    """The closing line: the seconds from the push of the base image to the run it caused, queued and ended."""
    # The registry tells of the push before the run that pushed has ended.
    told = rebuilt["imageUpdateTrigger"].get("timestamp") or pushed["finishTime"]
    start = min(_moment(told), _moment(pushed["finishTime"]))
    queued = (_moment(rebuilt["createTime"]) - start).total_seconds()
    finished = (_moment(rebuilt["finishTime"]) - start).total_seconds()
    return f"From push to queued: {queued:.2f} s. From push to rebuilt: {finished:.2f} s."


def _moment(text: str) -> datetime:
    """A time as the REST API writes it; Python 3.11 takes up to six digits of a second, .NET writes seven."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
