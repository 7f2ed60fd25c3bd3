"""Docker's engine keeps the contract of engines: the tests of buildah's builds, and what is of Docker alone."""
# ruff: noqa: F401  # tests of other modules run here once more, with the fixtures of this one

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from engine_parts import Base, Bench, content, files, processes
from parts.docker import Docker
from parts.htpasswd import write_htpasswd
from parts.registry import Registry
from test_engines_builds import (
    test_a_dockerfile_in_a_directory_sees_the_whole_source,
    test_a_file_that_only_we_may_read_is_copied,
    test_a_moved_tag_does_not_move_a_pinned_base,
    test_a_secret_argument_is_usable_and_leaves_no_trace,
    test_a_target_ends_the_build,
    test_an_image_from_scratch_names_no_base,
    test_another_secret_value_gives_the_same_image,
    test_arguments_reach_steps_whatever_they_are_called,
    test_env_keeps_a_secret_that_the_author_puts_there,
    test_ignored_files_stay_out_and_the_dockerfiles_own_ignore_file_wins,
    test_nothing_of_our_environment_reaches_a_step,
    test_without_reproducible_the_image_has_the_time_of_the_build,
)
from test_engines_endings import (
    test_a_build_that_is_cancelled_before_it_runs_leaves_nothing,
)
from test_engines_failures import (
    failure,
    test_a_base_that_is_not_there_is_named,
    test_a_base_without_a_digest_is_never_pulled,
    test_a_dockerfile_must_be_in_the_source,
    test_a_dockerfile_that_does_not_parse_is_refused_with_the_line,
    test_a_failure_does_not_tell_a_secret,
    test_a_file_that_is_not_in_the_source_is_named,
    test_a_secret_argument_that_tools_would_read_is_refused,
    test_windows_is_refused,
)
from test_engines_inputs import (
    test_a_secret_is_a_file_for_one_step_and_leaves_no_trace,
    test_a_secret_needs_a_usable_id,
    test_labels_win_over_those_of_the_file,
    test_what_docker_keeps_beside_oci_is_kept_and_inherited,
)

from baselift.domain.builds import Argument, BuildSecret, Credential
from baselift.domain.images import parse
from baselift.engines.docker import DockerEngine
from baselift.engines.docker_probe import probe_docker
from baselift.registry.client import Registries

pytestmark = pytest.mark.campaign


WORKER = """
import asyncio, sys
from pathlib import Path
from baselift.domain.builds import BuildOrder, Source
from baselift.engines.docker import DockerEngine

async def log(data):
    pass

root, own, scratch, reference, pinned = sys.argv[1:]
order = BuildOrder(Source(Path(root), None, 0), "Dockerfile", {reference: pinned}, None, None)
asyncio.run(DockerEngine(Path(own)).build(order, Path(scratch), log))
"""


@pytest.fixture(autouse=True)
def environment(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in docker.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bench(tmp_path: Path, base: Base) -> Bench:
    return Bench(tmp_path, base, DockerEngine(tmp_path / "docker"))


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Registry]:
    """A registry that asks for a password."""
    users = write_htpasswd(tmp_path / "users", {"builder": "planted-90aa"})
    part = Registry.start(tmp_path / "guarded", htpasswd=users)
    yield part
    part.stop()


async def until(found, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_an_image_has_its_layers_uncompressed_and_says_what_it_is_built_on(bench: Bench, base: Base) -> None:
    image = await bench.build(bench.order('FROM BASE\nRUN echo $MARK >/mark\nCMD ["sh"]\n'))
    config = json.loads(image.config)
    assert content(image, "mark") == "first\n"
    assert config["config"]["Cmd"] == ["sh"]
    assert config["rootfs"]["diff_ids"] == [layer.diff_id for layer in image.layers]
    assert [f"sha256:{sha256(layer.tar.read_bytes()).hexdigest()}" for layer in image.layers] == [
        layer.diff_id for layer in image.layers
    ]
    assert image.annotations == {
        "org.opencontainers.image.base.name": base.reference,
        "org.opencontainers.image.base.digest": base.digest,
    }
    assert b"RUN echo first >/mark" in bench.log or b"RUN echo $MARK" in bench.log


async def test_files_belong_to_whom_the_dockerfile_says(bench: Bench) -> None:
    image = await bench.build(
        bench.order(
            "FROM BASE AS first\nRUN mkdir -p /d/old && touch /d/old/1 && chown 1000:1001 /d/old/1\n"
            "FROM first\nRUN rm -r /d/old && mkdir /d/old && touch /d/old/2 && rm /bin/acpid\nCOPY --chown=7:8 a /a\n",
            a="a",
        )
    )
    first, second, last = (files(image, number) for number in (1, 2, 3))
    assert (first["d/old/1"].uid, first["d/old/1"].gid) == (1000, 1001)
    assert (last["a"].uid, last["a"].gid) == (7, 8)
    assert {"bin/.wh.acpid", "d/old/2"} <= set(second)


async def test_a_step_that_fails_is_named_with_its_exit_code(bench: Bench) -> None:
    order = bench.order("FROM BASE\nRUN echo before && exit 42\n")
    assert await failure(bench, order) == "'RUN echo before && exit 42' exited with 42"
    assert b"before\n" in bench.log


async def test_what_buildah_lacks_is_built_and_a_frontend_image_is_not_asked_for(bench: Bench) -> None:
    text = (
        "# syntax=nowhere.invalid/frontend:1\n# escape=`\nFROM BASE\nCOPY --link <<E /doc\nA$MARK\nE\n"
        "RUN --network=none ip addr `\n | grep -c eth0 > /addresses; true\n"
    )
    image = await bench.build(bench.order(text))
    assert content(image, "doc") == "Afirst\n"
    assert content(image, "addresses") == "0\n"
    assert b"Warning: '# syntax=nowhere.invalid/frontend:1' is left out" in bench.log


async def test_the_same_order_gives_the_same_image_without_a_cache(bench: Bench) -> None:
    order = bench.order(
        "FROM BASE AS a\nRUN date >/dev/null; echo 1 >/f\nFROM BASE\nCOPY --from=a /f /g\nRUN touch x\n"
    )
    built = [await bench.build(replace(order, no_cache=True)) for _ in range(2)]
    assert built[0].config == built[1].config
    assert json.loads(built[0].config)["created"] == "2023-11-14T22:13:20Z"
    assert {each.mtime for each in files(built[0]).values()} <= {1_700_000_000}


async def test_a_secret_mount_is_in_no_file_of_the_engine_and_a_secret_argument_is_warned_of(
    bench: Bench, docker: Docker
) -> None:
    marker = "planted-77c1"
    order = bench.order("FROM BASE\nRUN --mount=type=secret,id=t wc -c < /run/secrets/t\n")
    await bench.build(replace(order, secrets=[BuildSecret("t", marker.encode())]))
    found = subprocess.run(("grep", "-rl", marker, docker.state), capture_output=True, text=True, check=False)
    assert found.stdout == ""
    assert b"Warning" not in bench.log
    await bench.build(bench.order("FROM BASE\nARG T\nRUN true\n", Argument("T", "other-77c1", secret=True)))
    assert b"Warning: secret build arguments stay in this Docker engine's build records" in bench.log


@pytest.mark.parametrize("step", ["sleep {}", "trap '' TERM INT HUP; setsid sleep {} & sleep {}; sleep {}"])
async def test_a_cancelled_build_leaves_nothing(bench: Bench, step: str) -> None:
    scratch, nap = bench.scratch(), f"98{os.getpid()}{len(step)}"
    building = asyncio.create_task(bench.build(bench.order(f"FROM BASE\nRUN {step.format(nap, nap, nap)}\n"), scratch))
    await until(lambda: any(line.startswith(f"sleep {nap}") for line in processes(nap)))
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert processes(str(scratch)) == []
    assert list(scratch.iterdir()) == []
    await until(lambda: processes(nap) == [])


async def test_builds_that_are_cancelled_as_their_step_begins_leave_nothing(bench: Bench) -> None:
    for number in range(20):
        nap = f"96{os.getpid()}{number:02d}"
        bench.log.clear()
        building = asyncio.create_task(bench.build(bench.order(f"FROM BASE\nRUN sleep {nap}\n")))
        await until(lambda nap=nap: f"RUN sleep {nap}".encode() in bench.log)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        await until(lambda nap=nap: processes(nap) == [])


async def test_a_log_that_fails_ends_the_build(bench: Bench) -> None:
    async def broken(data: bytes) -> None:
        if b" started\n" in data:
            raise OSError("the log is gone")

    nap = f"97{os.getpid()}"
    with pytest.raises(OSError, match="the log is gone"):
        await bench.engine.build(bench.order(f"FROM BASE\nRUN echo started; sleep {nap}\n"), bench.scratch(), broken)
    await until(lambda: processes(nap) == [])


async def test_a_killed_worker_takes_its_build_along(bench: Bench, tmp_path: Path) -> None:
    nap, scratch = f"96{os.getpid()}", bench.scratch()
    order = bench.order(f"FROM BASE\nRUN sleep {nap}\n")
    values = (order.source.root, tmp_path / "own", scratch, bench.base.reference, bench.base.pinned)
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WORKER,
        *map(str, values),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    await until(lambda: any(line.startswith(f"sleep {nap}") for line in processes(nap)))
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    await until(lambda: processes(nap) == [] and processes(str(scratch)) == [])


async def test_a_cache_mount_is_the_tasks_own_and_without_layers_the_builds_own(bench: Bench) -> None:
    order = bench.order("FROM BASE\nRUN --mount=type=cache,target=/c ls /c > /seen; echo x > /c/left\n")
    built = [await bench.build(replace(order, layers=layers)) for layers in ("one", "two", "", "")]
    assert [content(image, "seen") for image in built] == ["", "", "", ""]
    later = bench.order("FROM BASE\nRUN --mount=type=cache,target=/c ls /c > /later\n")
    assert content(await bench.build(replace(later, layers="one")), "later") == "left\n"


async def test_builds_at_the_same_time(bench: Bench) -> None:
    orders = [bench.order(f"FROM BASE\nRUN echo {number} >/n; sleep 0.3\n") for number in range(3)]
    assert [content(image, "n") for image in await asyncio.gather(*map(bench.build, orders))] == ["0\n", "1\n", "2\n"]


async def test_an_image_is_published_and_built_on_with_a_login_of_one_build(
    bench: Bench, guarded: Registry, docker: Docker
) -> None:
    image = await bench.build(bench.order("FROM BASE\nENV MARK=second\n"))
    known = Credential("builder", "planted-90aa")
    registries = Registries(plain_http_hosts=[guarded.host])
    repository = parse(f"{guarded.host}/engines/guarded")
    pinned = str(repository.at(await registries.publish(image, repository, None, known)))
    await registries.close()
    order = replace(bench.order(f"FROM {pinned}\nRUN echo $MARK > /x\n"), bases={pinned: pinned})
    assert "access denied" in await failure(bench, order)
    built = await bench.build(replace(order, credentials={guarded.host: known}))
    assert content(built, "x") == "second\n"
    assert "planted-90aa" not in (docker.state / "config" / "config.json").read_text()


async def test_a_probe_builds_and_says_how(tmp_path: Path) -> None:
    found = await probe_docker(tmp_path / "docker")
    assert (found.ok, found.engine, found.reason, found.ran) == (True, "docker", "", True)
    assert int(found.version.partition(".")[0]) >= 26
