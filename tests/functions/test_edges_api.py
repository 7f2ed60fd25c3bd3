"""Edges and explanations over HTTP and by command: what people see and steer."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from live_app import Live, until

COMMAND = Path(sys.executable).with_name("baselift")
FORMS = {
    "stage": "FROM {tool} AS build\nFROM {base}\nCOPY --from=build /bin/busybox /other\n",
    "copy": "FROM {base}\nCOPY --from={tool} /bin/busybox /other\n",
    "mount": "FROM {base}\nRUN --mount=from={tool},target=/tool echo $VERSION\n",
}
"""How a Dockerfile can name a buildtime base."""


@dataclass(frozen=True)
class Said:
    out: str
    err: str


@dataclass(frozen=True)
class User:
    live: Live
    repository: str

    @property
    def tool(self) -> str:
        return f"{self.live.host}/{self.repository}/tool:1"

    def command(self, *words: str, code: int = 0) -> Said:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BASELIFT_")}
        done = subprocess.run(
            [str(COMMAND), *words],
            env=environment | {"BASELIFT_URL": self.live.url},
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        return Said(done.stdout, done.stderr)

    def create(self, form: str, base: str, *words: str, task: str = "") -> Said:
        self.live.push_base(f"{self.repository}/tool:1", "1")
        text = FORMS[form].format(tool=self.tool, base=base)
        context = self.live.git.create(self.repository, {"Dockerfile": text})
        name = task or self.repository
        return self.command("task", "create", "--name", name, "--image", f"{name}:1", "--context", context, *words)

    def edges(self) -> dict[str, Any]:
        found = self.live.ask("GET", f"tasks/{self.repository}/edges").json
        return {each["base"]: each for each in found["value"]}

    def runs(self) -> list[Any]:
        return list(self.live.client.runs.list("local", "baselift", filter=f"TaskName eq '{self.repository}'"))


def followed(live: Live, base: str, form: str) -> float:
    """Move a buildtime base of a new task and see its run through; the seconds from the push to the queued run."""
    user = User(live, f"buildtime-{form}")
    assert user.create(form, base, "--base-image-trigger-type", "All").err == ""
    assert user.edges()[user.tool]["kind"] == "Buildtime"
    live.push_base(f"{user.repository}/tool:1", "2")
    pushed = time.monotonic()
    (run,) = until(lambda: user.runs() or None)
    queued = time.monotonic() - pushed
    assert live.ended(run).properties.status == "Succeeded"
    until(lambda: user.edges()[user.tool]["state"] == "watching" or None)
    return queued


def test_a_buildtime_base_that_moves_is_followed(live: Live, base: str):
    followed(live, base, "stage")


@pytest.mark.campaign
@pytest.mark.parametrize("form", ["copy", "mount"])
def test_a_buildtime_base_that_moves_is_followed_within_two_seconds(live: Live, base: str, form: str):
    assert followed(live, base, form) < 2


@pytest.mark.campaign
def test_a_task_says_what_it_does_not_track_and_follows_it_once_it_is_told_to(live: Live, base: str):
    user = User(live, "untracked-tool")
    said = user.create("copy", base)
    for told in (said, user.command("task", "show", "--name", user.repository, "--output", "table")):
        assert f"{user.tool}: buildtime, not tracked" in told.err
        assert "--base-image-trigger-type All" in told.err
    live.push_base(f"{user.repository}/tool:1", "2")
    until(lambda: user.edges()[user.tool]["movedPast"] or None)
    why = user.command("explain", "--task", user.repository).out
    assert "untracked" in why
    assert user.runs() == []

    words = ("--name", user.repository, "--base", user.tool, "--policy", "rebuild")
    listed = user.command("task", "edge", "set", *words, "--output", "table")
    assert "rebuild" in listed.out
    (run,) = until(lambda: user.runs() or None)
    assert live.ended(run).properties.status == "Succeeded"
    why = user.command("explain", "--image", f"{user.repository}:1").out
    assert run.name in why
    assert "moved" in why


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "base is None"),
        ({"base": "", "policy": "ignore"}, "base is ''"),
        ({"base": "No Image", "policy": "ignore"}, "base: "),
        ({"base": "image:1", "policy": "never"}, "policy is 'never': it must be one of rebuild, ignore, default"),
    ],
)
def test_a_wrong_policy_is_refused_by_the_name_of_the_field(live: Live, body: Any, message: str):
    answer = live.ask("PUT", "tasks/whatever/edges", body)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert message in answer.message


def test_what_is_not_there_is_not_found(live: Live):
    for path in ("tasks/absent-task/edges", "tasks/absent-task/explain"):
        assert live.ask("GET", path).status == 404
    assert live.ask("PUT", "tasks/absent-task/edges", {"base": "image:1", "policy": "ignore"}).status == 404
    assert live.ask("GET", "explain").code == "InvalidRequest"
    assert live.ask("GET", "explain?image=No%20Image").code == "InvalidRequest"
    assert User(live, "x").command("explain", code=1).err == "ERROR: give one of --task and --image\n"
