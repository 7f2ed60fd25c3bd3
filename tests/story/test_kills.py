"""Processes of `script/serve` die while a build is under way."""

import logging
import random
import re
import time
from collections.abc import Callable

import pytest
from story.serving import Process, Serve
from story.user import APP, User, app_file, until

SLOW = "/bin/busybox sleep 4"
ROUNDS = 20
LONGEST = 5.0
"""Seconds from the queueing of a run to its end, with some more."""

log = logging.getLogger(__name__)

KILLS = (Serve.kill_app, Serve.kill_all)


def prepared(serve: Serve, git_server, name: str) -> User:
    serve.start()
    serve.user.build_base("1")
    serve.user.create_task(git_server.create(name, {"Dockerfile": app_file(SLOW)}))
    return serve.user


def check_end(user: User, identifier: str) -> str:
    """The run has ended well, once; its log."""
    run = user.ended(identifier, 120)
    text, complete = user.log_with_state(identifier)
    assert run["status"] == "Succeeded", text
    assert {image["digest"] for image in run["outputImages"]} == {user.digest(f"{APP}:{identifier}")}
    assert user.digest(f"{APP}:latest") == user.digest(f"{APP}:{identifier}")
    assert re.search(rf"^Run ID: {identifier} was successful after \d+s\r\n\Z", text, re.MULTILINE)
    assert text.count("Run ID: ") == 1
    assert complete == "successful"
    return text


def none_left(processes: list[Process]) -> None:
    until(lambda: not [each for each in processes if each.alive], "the first attempt's processes are gone", 30)


@pytest.mark.parametrize("kill", [pytest.param(Serve.kill_app, marks=pytest.mark.campaign), Serve.kill_all])
def test_a_build_whose_processes_were_killed_is_done_again_by_the_next_start(
    serve, git_server, kill: Callable[[Serve], None]
):
    user = prepared(serve, git_server, f"killed-{kill.__name__}")
    identifier = user.ask()
    user.begun(identifier)
    builders = serve.builders()
    assert any("buildah" in each.line for each in builders)

    kill(serve)
    none_left(builders)
    serve.start()

    text = check_end(user, identifier)
    assert re.findall(r"^Attempt .*?:", text, re.MULTILINE) == ["Attempt 2:"]
    assert len(re.findall(r"^begun with 1\r$", text, re.MULTILINE)) == 2
    user.await_rounds()
    assert [run["runId"] for run in user.runs()] == [identifier]
    assert not list((serve.state / "builder" / "runs").iterdir())
    assert serve.stop() == (0, "")
    serve.gone()


@pytest.mark.campaign
def test_builds_killed_at_any_moment_all_end_well(serve, git_server):
    seed = random.randrange(1 << 32)
    log.warning("seed %d", seed)
    chance = random.Random(seed)
    user = prepared(serve, git_server, "killed-often")
    asked = []
    for number in range(ROUNDS):
        identifier = user.ask()
        asked.append(identifier)
        moment, kill = chance.uniform(0, LONGEST), chance.choice(KILLS)
        time.sleep(moment)
        builders = serve.builders()
        log.warning("%d: %s, %s after %.3f s, %d builders", number, identifier, kill.__name__, moment, len(builders))
        kill(serve)
        none_left(builders)
        serve.start()
        assert len(re.findall(r"^Attempt 2:", check_end(user, identifier), re.MULTILINE)) <= 1
    user.await_rounds()
    assert [run["runId"] for run in user.runs()] == asked[::-1]
    assert not list((serve.state / "builder" / "runs").iterdir())
