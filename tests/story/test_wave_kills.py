"""Processes of `script/serve` die while a wave of ten images is under way."""

import logging
import os
import random
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from story.serving import Serve
from story.user import BASE, User, until

ROUNDS = 20
FAMILY = {
    "image-a": (),
    "image-b": (),
    "image-c": ("image-a", "image-b"),
    "image-d": ("image-a",),
    "image-e": ("image-b",),
    "image-f": ("image-c", "image-d"),
    "image-g": ("image-c", "image-e"),
    "image-h": ("image-d",),
    "image-i": ("image-f", "image-g"),
    "image-j": ("image-h", "image-i"),
}
"""Image -> those of the family that it is built on; none: the base image alone. Parents first."""
FILE = """ARG REGISTRY_NAME
{stages}FROM ${{REGISTRY_NAME}}/{base}
RUN echo begun with $VERSION && /bin/busybox sleep 1 && echo "$VERSION" > /{name}
{copies}"""
BUILDER_SECONDS = 15.0
ENDED_SECONDS = 240.0
"""A build that failed is tried again after a minute."""

log = logging.getLogger(__name__)


def source(name: str, parents: Sequence[str]) -> str:
    """A Dockerfile that stands on the first parent, and copies from the others."""
    first, *others = [f"{parent}:latest" for parent in parents] or [BASE]
    stages = "".join(f"FROM ${{REGISTRY_NAME}}/{other} AS stage{number}\n" for number, other in enumerate(others))
    copies = "".join(f"COPY --from=stage{n} /{other[:-7]} /{other[:-7]}\n" for n, other in enumerate(others))
    return FILE.format(stages=stages, base=first, name=name, copies=copies)


def prepared(serve: Serve, git_server: Any) -> User:
    """The family, each image built once on the base image of version 0."""
    serve.start()
    user = serve.user
    user.build_base("0")
    for name, parents in FAMILY.items():
        context = git_server.create(f"wave-{name}", {"Dockerfile": source(name, parents)})
        arguments = ["--image", f"{name}:latest", "--arg", f"REGISTRY_NAME={user.registry}", "--context", context]
        user.command("task", "create", "--name", name, *arguments, "--base-image-trigger-type", "All")
        until(lambda name=name: user.watched(name), f"{name} is watched")
        assert user.ended(user.ask(name))["status"] == "Succeeded"
    assert waves(user) == []
    return user


def waves(user: User) -> list[dict[str, Any]]:
    return [each["properties"] | {"name": each["name"]} for each in user.api("waves")["value"]]


def kill_builder(serve: Serve) -> bool:
    """End one of the processes that build, the next one where there is none; False where none comes."""
    end = time.monotonic() + BUILDER_SECONDS
    while time.monotonic() < end:
        for each in serve.builders():
            if "buildah" in each.line and each.alive:
                os.kill(each.pid, signal.SIGKILL)
                return True
    return False


def kill_app(serve: Serve) -> bool:
    serve.kill_app()
    serve.start()
    return True


def kill_all(serve: Serve) -> bool:
    """Everything but storage, which acknowledges before it writes."""
    serve.kill_all()
    serve.start()
    return True


KILLS = (kill_app, kill_all, kill_builder)


def finished(user: User, count: int) -> dict[str, Any]:
    """The newest of so many waves, when it has ended."""

    def look() -> dict[str, Any] | None:
        found = waves(user)
        assert len(found) <= count, found
        return found[0] if len(found) == count and found[0]["state"] == "finished" else None

    wave = until(look, f"the end of wave {count}", ENDED_SECONDS)
    return dict(user.api(f"waves/{wave['name']}")["properties"])


def check(user: User, wave: Mapping[str, Any], version: int, *, failed: bool) -> int:
    """Each image was built to its end once, on the new version; how many builds were begun again."""
    assert {each["task"]: each["state"] for each in wave["members"]} == dict.fromkeys(FAMILY, "succeeded")
    runs = [run for run in user.runs(None) if run["createTime"] >= wave["createTime"][:19] and run.get("task")]
    ended = sorted(run["task"] for run in runs if run["status"] == "Succeeded")
    assert ended == sorted(FAMILY)
    assert len(runs) - len(ended) <= failed, [(run["task"], run["status"]) for run in runs]
    again = len(runs) - len(ended)
    for run in runs:
        text = user.log(run["runId"])
        begun = len(re.findall(rf"^begun with {version}\r$", text, re.MULTILINE))
        attempts = 1 + len(re.findall(r"^Attempt \d+:", text, re.MULTILINE))
        assert begun <= attempts <= 2, text
        assert begun or run["status"] != "Succeeded", text
        again += attempts - 1
    return again


@pytest.mark.campaign
def test_a_wave_of_ten_images_ends_complete_whatever_is_killed(serve, git_server):
    seed = int(os.environ.get("BASELIFT_SEED") or random.randrange(1 << 32))
    log.warning("seed %d", seed)
    chance = random.Random(seed)
    user = prepared(serve, git_server)
    user.build_base("1")
    began = time.monotonic()
    check(user, finished(user, 1), 1, failed=False)
    longest = time.monotonic() - began
    for version in range(2, ROUNDS + 2):
        moment, kill = chance.uniform(0, longest), chance.choice(KILLS)
        user.build_base(str(version))
        time.sleep(moment)
        killed = kill(serve)
        wave = finished(user, version)
        again = check(user, wave, version, failed=killed and kill is kill_builder)
        log.warning(
            "%d: %s after %.2f of %.2f s, builds begun again: %d",
            version - 1,
            _told(kill, killed),
            moment,
            longest,
            again,
        )
    user.await_rounds()
    assert len(waves(user)) == ROUNDS + 1
    assert serve.stop() == (0, "")


def _told(kill: Callable[[Serve], bool], killed: bool) -> str:
    return kill.__name__ if killed else f"{kill.__name__}, nothing to kill"
