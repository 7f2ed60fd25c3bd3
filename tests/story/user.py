"""What a user of a running Baselift does and sees: the `baselift` command, the REST API, the registry."""

import json
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from parts.commands import Shell
from parts.container import run_image

ROOT = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    "/providers/Microsoft.ContainerRegistry/registries/baselift"
)
API = "api-version=2019-06-01-preview"
FINAL = {"Succeeded", "Failed", "Canceled", "Error", "Timeout"}
MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
BASE, APP, TASK = "baseimages/node:9-alpine", "helloworld", "taskhelloworld"
BUSYBOX = Path("/bin/busybox")
BASE_FILE = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "ln", "-s", "busybox", "/bin/sh"]
ENV VERSION={version} PATH=/bin
"""
APP_FILE = """ARG REGISTRY_NAME
FROM ${REGISTRY_NAME}/baseimages/node:9-alpine
RUN echo begun with $VERSION{and_then} && echo "$VERSION" > /version
CMD ["/bin/busybox", "cat", "/version"]
"""

Run = dict[str, Any]
T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, seconds: float = 60.0) -> T:
    """What `look` returns as soon as it is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return found


def app_file(and_then: str = "") -> str:
    """The Dockerfile of an image on the base image; its RUN says that it has begun, then does something more."""
    return APP_FILE.replace("{and_then}", f" && {and_then}" if and_then else "")


@dataclass(frozen=True)
class User:
    """One user of one running Baselift."""

    directory: Path
    state: Path

    @property
    def endpoint(self) -> dict[str, str]:
        """What the last start wrote down."""
        return dict(json.loads((self.state / "endpoint.json").read_text()))

    @property
    def registry(self) -> str:
        return self.endpoint["registry"]

    def command(self, *arguments: str) -> str:
        """What a `baselift` command prints; it must end with code 0."""
        return Shell(self.directory, {"BASELIFT_URL": self.endpoint["url"]}).read("baselift", *arguments)

    def api(self, path: str, method: str = "GET", body: object = None) -> Any:
        """The answer of the REST API to a request about the registry."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return json.loads(self._send(f"{self.endpoint['url']}{ROOT}/{path}?{API}", method, content, headers)[0])

    def healthy(self) -> bool:
        return json.loads(self._send(f"{self.endpoint['url']}/health")[0]) == {"status": "Healthy"}

    def build_base(self, version: str, image: str = BASE) -> None:
        """Build the base image as the tutorial does: from a directory, with `baselift build`."""
        context = self.directory / "base"
        context.mkdir(exist_ok=True)
        shutil.copy(BUSYBOX, context / "busybox")
        (context / "Dockerfile").write_text(BASE_FILE.format(version=version))
        self.command("build", "--image", image, str(context))

    def create_task(self, source: str, name: str = TASK, image: str = APP) -> None:
        arguments = ["--name", name, "--image", f"{image}:{{{{.Run.ID}}}}", "--image", f"{image}:latest"]
        arguments += ["--arg", f"REGISTRY_NAME={self.registry}", "--context", source, "--file", "Dockerfile"]
        self.command("task", "create", *arguments)
        until(lambda: self.watched(name), f"{name} is watched")

    def watched(self, name: str = TASK) -> bool:
        """Whether the task knows its base image and the digest that it has."""
        text = json.dumps(self.api(f"tasks/{name}"))
        return "sha256:" in text

    def stands_on(self, digest: str, name: str = TASK) -> None:
        """Wait until the task says that it was built on that digest, which follows the end of a run."""
        until(lambda: digest in json.dumps(self.api(f"tasks/{name}")), f"{name} stands on {digest}")

    def ask(self, name: str = TASK) -> str:
        """Ask for a run of the task, and return its id at once."""
        request = {"type": "TaskRunRequest", "taskId": f"{ROOT}/tasks/{name}"}
        return str(self.api("scheduleRun", "POST", request)["properties"]["runId"])

    def runs(self, task: str | None = TASK) -> list[Run]:
        """Runs of the task (None: of all), newest first."""
        listed = [run["properties"] for run in self.api("runs")["value"]]
        return [run for run in listed if task is None or run.get("task") == task]

    def run(self, identifier: str) -> Run:
        return dict(self.api(f"runs/{identifier}")["properties"])

    def ended(self, identifier: str, seconds: float = 60.0) -> Run:
        """The run when it is over and its log is complete."""

        def look() -> Run | None:
            run = self.run(identifier)
            return run if run["status"] in FINAL else None

        run = until(look, f"the end of run {identifier}", seconds)
        until(lambda: f"Run ID: {identifier}" in self.log(identifier), f"the last line of {identifier}'s log")
        return run

    def log(self, identifier: str) -> str:
        """As much of the log as there is."""
        return self.log_with_state(identifier)[0]

    def log_with_state(self, identifier: str) -> tuple[str, str | None]:
        """The log, and its mark of completeness."""
        link = self.api(f"runs/{identifier}/listLogSasUrl", "POST")["logLink"]
        content, headers = self._send(link)
        return content.decode(), headers.get("x-ms-meta-Complete")

    def begun(self, identifier: str) -> None:
        """Wait until the build's RUN has begun."""
        until(lambda: re.search(r"^begun with", self.log(identifier), re.MULTILINE), f"{identifier} builds")

    def caused(self) -> Run:
        """The one run that a moved base image caused, when it has succeeded."""

        def look() -> Run | None:
            runs = [run for run in self.runs() if run.get("imageUpdateTrigger")]
            return runs[0] if runs and runs[0]["status"] in FINAL else None

        run = until(look, "a run with the trigger Image Update")
        assert run["status"] == "Succeeded", self.log(run["runId"])
        return run

    def shown(self, image: str) -> str:
        """What the image's command prints."""
        return run_image(f"{self.registry}/{image}", self.directory / "containers").strip()

    def digest(self, image: str) -> str:
        """Digest of a tag in the registry."""
        return str(self._manifest(image)[1]["Docker-Content-Digest"])

    def retag(self, image: str, tag: str, host: str | None = None) -> None:
        """Put a tag of the same repository on an image, as someone outside does; `host`: by another registry's door."""
        content, headers = self._manifest(image, host)
        url = f"http://{host or self.registry}/v2/{image.rpartition(':')[0]}/manifests/{tag}"
        self._send(url, "PUT", content, {"Content-Type": headers["Content-Type"]})

    def notify(self, image: str) -> int:
        """Deliver the registry's notification of a push by hand; the HTTP status of the answer."""
        repository, _, tag = image.rpartition(":")
        target = {"repository": repository, "tag": tag, "digest": f"sha256:{'0' * 64}"}
        target["mediaType"] = MANIFESTS.split(",", maxsplit=1)[0]
        event = {"id": "1", "action": "push", "target": target, "request": {"host": self.registry}}
        headers = {"Content-Type": "application/vnd.docker.distribution.events.v1+json"}
        headers["Authorization"] = f"Bearer {(self.state / 'webhook.secret').read_text()}"
        url = f"{self.endpoint['url']}/webhooks/distribution"
        request = urllib.request.Request(url, json.dumps({"events": [event]}).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status: int = answer.status
                return status
        except urllib.error.HTTPError as error:
            return error.code

    def await_rounds(self, count: int = 3) -> None:
        """Wait until the reconciler has begun and ended that many times from now."""
        log, done = self.state / "app.log", "Executed 'Functions.reconcile' (Succeeded"
        before = log.read_text().count(done)
        until(lambda: log.read_text().count(done) > before + count, f"{count} rounds of the reconciler")

    def _manifest(self, image: str, host: str | None = None) -> tuple[bytes, Mapping[str, str]]:
        repository, _, tag = image.rpartition(":")
        url = f"http://{host or self.registry}/v2/{repository}/manifests/{tag}"
        return self._send(url, headers={"Accept": MANIFESTS})

    def _send(
        self, url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        request = urllib.request.Request(url, body, dict(headers or {}), method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read(), answer.headers
