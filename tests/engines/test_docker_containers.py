"""Docker's containers keep the contract of containers: the tests of crun's, and what is of Docker alone."""
# ruff: noqa: F401  # tests of other modules run here once more, with the fixtures of this one

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from container_parts import Steps
from docker_parts import asked, inspected, left
from engine_parts import Base, Bench, processes
from parts.docker import Docker
from test_containers import (
    SECRET,
    test_a_cancelled_step_leaves_nothing,
    test_a_detached_step_is_reached_by_its_id_and_stopped_with_sigterm,
    test_a_detached_step_that_does_not_listen_is_killed_with_all_it_started,
    test_a_secret_is_a_file_that_can_be_read_and_is_never_shown,
    test_a_secret_variable_is_on_no_command_line,
    test_a_step_has_its_variables_user_and_directory_and_the_images_own,
    test_a_step_that_a_signal_ended_says_which,
    test_an_image_built_in_this_run_is_used_without_a_registry,
    test_an_image_whose_base_layers_were_left_in_the_registry_is_used_too,
    test_steps_share_workspace_and_home_and_see_what_was_fetched_there,
    test_the_exit_code_is_the_steps_own,
    test_two_containers_of_one_built_image_at_once,
)

from baselift.domain.builds import Failure, Limits
from baselift.domain.containers import LEAST_MEMORY, LEAST_PIDS, PIDS
from baselift.engines.docker import DockerEngine
from baselift.engines.docker_api import Docker as Connection
from baselift.engines.docker_containers import reclaim

pytestmark = pytest.mark.campaign
KILLED = 137
USER = 3001
WORKER = """
import asyncio, sys
from pathlib import Path
from baselift.domain.containers import ContainerOrder
from baselift.engines.docker import DockerEngine

state, pinned, workspace, nap = sys.argv[1:]

async def log(data):
    pass

async def work():
    async with DockerEngine(Path(state)).containers({}, []) as steps:
        order = ContainerOrder(pinned, "step", ["sleep", nap], Path(workspace), Path(workspace))
        await steps.run(order, Path(workspace), log)

asyncio.run(work())
"""


@pytest.fixture(autouse=True)
def environment(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in docker.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def engine(tmp_path: Path) -> DockerEngine:
    return DockerEngine(tmp_path / "docker")


@pytest.fixture
def bench(tmp_path: Path, base: Base, engine: DockerEngine) -> Bench:
    return Bench(tmp_path, base, engine)


@pytest.fixture
async def steps(tmp_path: Path, base: Base, engine: DockerEngine, environment: None) -> AsyncIterator[Steps]:
    async with engine.containers({}, [SECRET]) as containers:
        yield Steps(tmp_path / "steps", base.pinned, containers)
    assert left() == []


@pytest.mark.parametrize(
    ("command", "fields", "said"),
    [
        (("nowhere",), {}, '"nowhere": executable file not found'),
        (("/etc/hosts",), {}, "permission denied"),
        (("true",), {"user": "nobody-here"}, "nobody-here"),
        ((), {}, "no command specified"),
        (("true",), {"image": "baselift.invalid/none:1"}, "baselift.invalid"),
        (("true",), {"workspace": Path("/not/here")}, "Docker engine does not see /not of this machine"),
    ],
)
async def test_a_step_that_does_not_start_says_why(steps: Steps, command, fields, said: str) -> None:
    order = steps.order(*command, **{key: value for key, value in fields.items() if key != "workspace"})
    if "workspace" in fields:
        order = replace(order, workspace=fields["workspace"])
    with pytest.raises(Failure, match=r"^step 'step': ") as caught:
        await steps.containers.run(order, steps.scratch, steps.take)
    assert said in str(caught.value)
    assert asked("ps", "--all", "--quiet") == []


async def test_limits_of_a_step_are_kept(steps: Steps) -> None:
    assert await steps.run("tail", "/dev/zero", limits=Limits(memory=LEAST_MEMORY)) == KILLED
    bomb = f"i=0; while [ $i -lt {2 * LEAST_PIDS} ]; do sleep 3 & i=$((i+1)); done"
    assert await steps.run("sh", "-c", bomb, limits=Limits(pids=LEAST_PIDS)) != 0
    order = steps.order("sleep", "60", limits=Limits(cpus=0.5, memory=2 * LEAST_MEMORY))
    running = await steps.containers.start(order, steps.scratch, steps.take)
    kept = inspected(*asked("ps", "--quiet"))["HostConfig"]
    assert (kept["NanoCpus"], kept["Memory"], kept["PidsLimit"]) == (5 * 10**8, 2 * LEAST_MEMORY, PIDS)
    await running.stop(grace=0)


async def test_a_network_is_the_runs_own_or_none(steps: Steps, engine: DockerEngine) -> None:
    serve = ("nc", "-ll", "-p", "81", "-e", "echo", "served")
    web = await steps.containers.start(steps.order(*serve, name="web"), steps.scratch, steps.take)
    assert "served" in await steps.said("until nc web 81 2>/dev/null; do sleep 0.1; done")
    assert await steps.said(
        "ip addr | grep -c eth0; ping -c 1 step > /dev/null && echo known; true", network="none"
    ) == ("0\nknown\n")
    async with engine.containers({}, []) as others:
        other = Steps(steps.scratch / "other", steps.pinned, others)
        assert await other.run("nc", "-w", "1", "web", "81") != 0
    with pytest.raises(Failure, match="network 'host' is not allowed here"):
        await steps.run("true", network="host")
    await web.stop(grace=0)


async def test_what_a_step_prints_is_in_no_file_of_the_engine(steps: Steps, docker: Docker) -> None:
    marker = "printed-3b1d"
    assert await steps.said(f"echo {marker}; sleep 0.2") == f"{marker}\n"
    found = subprocess.run(("grep", "-rl", f"^{marker}", docker.state), capture_output=True, text=True, check=False)
    assert found.stdout == ""


async def test_a_killed_workers_containers_and_network_are_removed_by_the_next_run_and_nobody_elses(
    steps: Steps, tmp_path: Path
) -> None:
    nap, state = f"93{os.getpid()}", tmp_path / "worker"
    living = await steps.containers.start(steps.order("sleep", "60"), steps.scratch, steps.take)
    values = (str(state), steps.pinned, str(steps.workspace), nap)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, *values, env=environment)
    while not any(line.startswith("sleep") for line in processes(nap)):
        await asyncio.sleep(0.05)
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    assert any(line.startswith("sleep") for line in processes(nap))
    before = len(left())

    async with DockerEngine(state).containers({}, []):
        assert processes(nap) == []
        assert len(left()) == before - 2
    assert len(list(state.glob("*.lock"))) == 1
    assert await living.stop(grace=0) is None


async def test_directories_that_a_container_made_are_given_to_the_user(
    steps: Steps, docker: Docker, tmp_path: Path
) -> None:
    inside = "/workspace"
    asked("create", "--name", "owner", "--volume", f"{steps.workspace}:{inside}", steps.pinned, "true")
    deep = steps.workspace / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (deep / "file").write_text("kept")
    (steps.workspace / "a").chmod(0o500)
    (steps.workspace / "link").symlink_to(tmp_path)
    async with Connection(docker.environment["DOCKER_HOST"]) as connection:
        await reclaim(connection, "containers/owner", steps.workspace, inside, USER)
    asked("rm", "owner")
    given = {path.name: path.lstat().st_uid for path in steps.workspace.rglob("*")}
    assert given == {"a": USER, "b": USER, "c": USER, "file": 0, "link": 0}
    assert (deep / "file").read_text() == "kept"
    assert (steps.workspace / "a").stat().st_mode & 0o777 == 0o700
    assert tmp_path.stat().st_uid == 0


async def test_a_service_that_is_stopped_by_its_own_end_says_its_code(steps: Steps) -> None:
    running = await steps.containers.start(steps.order("sh", "-c", "exit 9"), steps.scratch, steps.take)
    assert await running.wait() == 9
    assert await running.stop() == 9
