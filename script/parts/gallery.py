"""A small company's images, really built: two bases, nine tasks in three levels, and a movement that fails some."""

import http.client
import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.errors import PartError
from parts.gitserver import GitServer
from parts.stack import Stack

BUSYBOX = Path("/bin/busybox")
VERSION = "2025-03-01-preview"
FINAL = frozenset({"Succeeded", "Failed", "Canceled", "Error", "Timeout"})
SUBSCRIPTION, GROUP, REGISTRY = "00000000-0000-0000-0000-000000000000", "local", "baselift"
WHERE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.ContainerRegistry/registries/{REGISTRY}"
)
SYSTEM, GO = "base/alpine:3.22", "base/golang:1.25"
RUNTIME, NODE = "platform/runtime:stable", "platform/node:22"
OLD, NEW = "3.22.1", "3.22.2"
SLOW, FAILING = "search-indexer", "invoice-mailer"
_BASE = """FROM scratch
COPY --chmod=755 busybox /bin/busybox
COPY release /etc/release
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin
"""
_CHECK = (
    r"RUN printf '\033[1m42 tests\033[0m\n\033[32m41 passed\033[0m, \033[31m1 failed\033[0m: '"
    rf"; cat /etc/release; [ $(cat /etc/release) = {OLD} ]"
)
_WAIT = f"RUN [ $(cat /etc/release) = {OLD} ] || sleep 25"


@dataclass(frozen=True)
class Image:
    """One task: what it pushes, its Dockerfile with `{host}` for the registry, and which bases it follows."""

    task: str
    image: str
    dockerfile: str
    follows: str = "Runtime"
    timer: str = ""


_GO_BUILD = (
    f"FROM {{host}}/{GO} AS build\nRUN echo binary > /app\nFROM {{host}}/{RUNTIME}\nCOPY --from=build /app /app\n"
)
LEVELS = (
    (Image("platform-runtime", RUNTIME, f"FROM {{host}}/{SYSTEM}\nRUN echo certificates\n"),),
    (
        Image("platform-node", NODE, f"FROM {{host}}/{RUNTIME}\nRUN echo node\n"),
        Image("api-gateway", "core/gateway:live", _GO_BUILD, follows="All"),
        Image("ledger", "core/ledger:live", _GO_BUILD + "ENV LEDGER=1\n"),
        Image("nightly-report", "ops/report:live", f"FROM {{host}}/{RUNTIME}\nRUN echo report\n", timer="0 3 * * *"),
        Image(SLOW, "search/indexer:live", f"FROM {{host}}/{RUNTIME}\n{_WAIT}\n"),
    ),
    (
        Image("storefront", "shop/storefront:live", f"FROM {{host}}/{NODE}\nRUN echo storefront\n"),
        Image("checkout", "shop/checkout:live", f"FROM {{host}}/{NODE}\nRUN echo checkout\n"),
        Image(FAILING, "ops/invoice-mailer:live", f"FROM {{host}}/{NODE}\n{_CHECK}\n"),
    ),
)


@dataclass(frozen=True)
class Gallery:
    """The images on running parts."""

    stack: Stack

    @property
    def git(self) -> GitServer:
        """Where the sources are."""
        if self.stack.git is None:
            raise PartError("the parts have no git server")
        return self.stack.git

    def build(self) -> None:
        """Make every task, and run each once, level by level.

        Raises:
            PartError: a build failed.
        """
        self.base(GO, "1.25.0")
        self.base(SYSTEM, OLD)
        for level in LEVELS:
            for each in level:
                self._task(each)
            for run in [self._asked({"type": "TaskRunRequest", "taskId": f"{WHERE}/tasks/{i.task}"}) for i in level]:
                self.succeeded(run)

    def base(self, image: str, release: str) -> None:
        """Build a base image, whose file /etc/release has that line."""
        name = image.partition(":")[0].replace("/", "-")
        files: dict[str, str | bytes | None] = {
            "Dockerfile": _BASE,
            "busybox": BUSYBOX.read_bytes(),
            "release": f"{release}\n",
        }
        if (self.git.root / f"{name}.git").exists():
            self.git.commit(name, files)
        else:
            self.git.create(name, files)
        request = {
            "type": "DockerBuildRequest",
            "sourceLocation": self.git.address(name),
            "dockerFilePath": "Dockerfile",
            "imageNames": [image],
            "isPushEnabled": True,
        }
        self.succeeded(self._asked(request))

    def succeeded(self, run: str) -> None:
        """Return when a run has succeeded."""
        found = self.until(f"run {run} ended", lambda: status if (status := self.status(run)) in FINAL else None)
        if found != "Succeeded":
            raise PartError(f"run {run} ended {found}")

    def status(self, run: str) -> str:
        """A run's status."""
        return str(self.ask("GET", f"runs/{run}")["properties"]["status"])

    def moved(self, task: str) -> str | None:
        """The run that a movement caused of a task; None before there is one."""
        runs = self.ask("GET", "runs", query=f"&$filter=TaskName%20eq%20'{task}'")["value"]
        return next((run["name"] for run in runs if run["properties"].get("imageUpdateTrigger")), None)

    def wave(self) -> str:
        """The id of the latest wave."""
        return str(self.ask("GET", "waves")["value"][0]["name"])

    def until(self, what: str, look: Any, seconds: float = 180.0) -> Any:
        """What `look` returns as soon as it is not None. Raises PartError."""
        end = time.monotonic() + seconds
        while (found := look()) is None:
            self.stack.check()
            if time.monotonic() > end:
                raise PartError(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.1)
        return found

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, query: str = "") -> Any:
        """An answer of the API, below the registry's path. Raises PartError."""
        where = f"{WHERE}/{path}?api-version={VERSION}{query}"
        with closing(http.client.HTTPConnection("127.0.0.1", self.stack.app.port, timeout=30)) as connection:
            connection.request(method, where, json.dumps(body) if body else None)
            answer = connection.getresponse()
            content = answer.read()
        if answer.status >= http.client.MULTIPLE_CHOICES:
            raise PartError(f"{method} {path} was answered with {answer.status}: {content.decode()}")
        return json.loads(content)

    def _asked(self, request: Mapping[str, Any]) -> str:
        return str(self.ask("POST", "scheduleRun", request)["name"])

    def _task(self, image: Image) -> None:
        context = self.git.create(image.task, {"Dockerfile": image.dockerfile.format(host=self.stack.registry.host)})
        step = {"type": "Docker", "contextPath": context, "dockerFilePath": "Dockerfile", "imageNames": [image.image]}
        base = {"name": "base", "baseImageTriggerType": image.follows, "status": "Enabled"}
        timers = [{"name": "nightly", "schedule": image.timer, "status": "Enabled"}] if image.timer else []
        trigger = {"baseImageTrigger": base, "timerTriggers": timers}
        platform = {"os": "linux", "architecture": "amd64"}
        properties = {"platform": platform, "step": step, "trigger": trigger}
        self.ask("PUT", f"tasks/{image.task}", {"location": "local", "properties": properties})
