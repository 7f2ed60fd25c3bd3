import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from container_parts import Steps
from engine_parts import Base, Bench, containers, images, mounts, processes

from baselift.domain.builds import Failure
from baselift.engines.buildah import Buildah
from baselift.engines.containers import Containers
from baselift.engines.network import RunNetwork, run_network

SECRET = "hidden-4242-value"
KILLED = 137


@pytest.fixture(scope="session")
async def network() -> AsyncIterator[RunNetwork]:
    async with run_network(internet=False) as made:
        yield made


@pytest.fixture(scope="session")
def engine(store: Path, base: Base) -> Buildah:
    return Buildah(store, plain_http_hosts=[base.host])


@pytest.fixture
def steps(tmp_path: Path, engine: Buildah, base: Base, network: RunNetwork) -> Steps:
    return Steps(tmp_path, base.pinned, Containers(engine, network, secrets=[SECRET]))


def left(steps: Steps, store: Path) -> list[object]:
    """What a container left on this machine: files, mounts, records, imported images."""
    imported = [name for names in images(store) for name in names if name.startswith("localhost/")]
    return [*steps.scratch.iterdir(), *mounts(store), *containers(store), *imported]


async def test_a_step_has_its_variables_user_and_directory_and_the_images_own(steps: Steps, store: Path) -> None:
    said = await steps.said(
        "echo $GREETING; echo $MARK $HOME; id -u; id -g; pwd; hostname",
        env={"GREETING": "two words, $HOME"},
        user="5:6",
        working_directory="/made/for/it",
    )
    assert said.splitlines() == ["two words, $HOME", "first /acb/home", "5", "6", "/made/for/it", "step"]
    assert left(steps, store) == []


async def test_steps_share_workspace_and_home_and_see_what_was_fetched_there(steps: Steps) -> None:
    (steps.workspace / "fetched").write_text("source")
    (steps.workspace / "fetched").chmod(0o600)
    await steps.said("cat fetched > built; echo mine > ~/config", working_directory="/workspace")
    assert await steps.said("cat /workspace/built /acb/home/config; ls -d /w 2>&1 || :") == (
        "sourcemine\nls: /w: No such file or directory\n"
    )


async def test_a_secret_is_a_file_that_can_be_read_and_is_never_shown(steps: Steps, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "key").write_text(SECRET)
    (volume / "key").chmod(0o400)
    script = "cat /run/secrets/key | wc -c; cat /run/secrets/key; echo x 2>&1 > /run/secrets/key || echo read-only; env"
    said = await steps.said(script, volumes=[("/run/secrets", volume)], env={"TOKEN": SECRET})
    assert said.startswith(f"{len(SECRET)}\n***")
    assert "read-only" in said
    assert "TOKEN=***" in said
    assert SECRET not in said


async def test_a_secret_variable_is_on_no_command_line(steps: Steps) -> None:
    running = await steps.containers.start(steps.order("sleep", "60", env={"TOKEN": SECRET}), steps.scratch, steps.take)
    assert processes(SECRET) == []
    assert await running.stop(grace=0) is None


@pytest.mark.parametrize("code", [3, 125])
async def test_the_exit_code_is_the_steps_own(steps: Steps, code: int) -> None:
    assert await steps.run("sh", "-c", f"exit {code}") == code
    assert steps.log == b""


async def test_a_step_that_a_signal_ended_says_which(steps: Steps) -> None:
    assert await steps.run("sh", "-c", "sh -c 'kill -9 $$'; exit $?") == KILLED


@pytest.mark.parametrize(
    ("command", "fields", "said"),
    [
        (("nowhere",), {}, "`nowhere` not found"),
        (("/etc/hosts",), {}, "Permission denied|not executable"),
        (("true",), {"user": "nobody-here"}, "nobody-here"),
        ((), {}, "neither ENTRYPOINT nor CMD"),
        (("true",), {"image": "oci:/nowhere"}, "/nowhere"),
    ],
)
async def test_a_step_that_does_not_start_says_why(steps: Steps, store: Path, command, fields, said: str) -> None:
    with pytest.raises(Failure, match=r"^step 'step': ") as caught:
        await steps.run(*command, **fields)
    assert re.search(said, str(caught.value))
    assert left(steps, store) == []


async def test_a_detached_step_is_reached_by_its_id_and_stopped_with_sigterm(steps: Steps) -> None:
    serve = "trap 'echo bye; kill $!; exit 7' TERM; nc -ll -p 80 -e echo served & echo up; while :; do wait; done"
    web = await steps.containers.start(steps.order("sh", "-c", serve, name="web"), steps.scratch, steps.take)
    ask = "until nc web 80 2>/dev/null; do sleep 0.1; done"
    assert (await steps.said(ask, name="test", hosts=["web"])).endswith("served\n")
    assert await web.stop() == 7
    assert steps.log.endswith(b"bye\n")
    assert await web.stop() == 7


async def test_a_detached_step_that_does_not_listen_is_killed_with_all_it_started(steps: Steps, store: Path) -> None:
    nap = f"95{os.getpid()}"
    order = steps.order("sh", "-c", f"trap '' TERM; setsid sleep {nap} & sleep {nap}; sleep {nap}")
    running = await steps.containers.start(order, steps.scratch, steps.take)
    while sum(line.startswith("sleep") for line in processes(nap)) < 2:
        await asyncio.sleep(0.02)
    assert await running.stop(grace=0.1) is None
    assert processes(nap) == []
    assert left(steps, store) == []


@pytest.mark.parametrize("moment", [0.1, 0.4, "running"])
async def test_a_cancelled_step_leaves_nothing(steps: Steps, store: Path, moment: float | str) -> None:
    nap = f"94{os.getpid()}"
    running = asyncio.create_task(steps.run("sh", "-c", f"trap exit TERM; setsid sleep {nap} & sleep {nap} & wait"))
    if moment == "running":
        while sum(line.startswith("sleep") for line in processes(nap)) < 2:
            await asyncio.sleep(0.02)
    else:
        await asyncio.sleep(float(moment))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert processes(nap) == []
    assert processes(str(steps.scratch)) == []
    assert left(steps, store) == []


async def test_an_image_built_in_this_run_is_used_without_a_registry(steps: Steps, bench: Bench, store: Path) -> None:
    dockerfile = (
        "FROM BASE\nRUN echo someone:x:77:77::/:/bin/sh > /etc/passwd\nUSER someone\nWORKDIR /home/someone\n"
        'ENTRYPOINT ["echo", "I am"]\nCMD ["here"]\n'
    )
    image = await bench.build(bench.order(dockerfile))
    kept = await steps.containers.keep_image(image, "built", bench.scratch())
    assert await steps.run(image=kept) == 0
    assert await steps.run("id", image=kept, entrypoint=()) == 0
    assert await steps.run(image=kept, entrypoint=("pwd",)) == 0
    shown = steps.log.decode().splitlines()
    assert shown[0] == "I am here"
    assert shown[1].startswith("uid=77(someone)")
    assert shown[2:] == ["/home/someone"]
    assert left(steps, store) == []


async def test_an_image_whose_base_layers_were_left_in_the_registry_is_used_too(steps: Steps, bench: Bench) -> None:
    order = bench.order("FROM BASE\nRUN echo mine > /mine\n")
    plain = await bench.build(bench.order("FROM BASE\nRUN true\n"))
    inherited = [layer.diff_id for layer in plain.layers[:-1]]
    image = await bench.build(replace(order, base_layers=inherited))
    kept = await steps.containers.keep_image(image, "built", bench.scratch())
    assert await steps.run("cat", "/mine", image=kept) == 0
    assert steps.log == b"mine\n"
    assert json.loads(image.config)["rootfs"]["diff_ids"][0] == inherited[0]


async def test_a_container_that_was_half_made_is_cleaned_away(steps: Steps, engine: Buildah, store: Path) -> None:
    assert await steps.run("true") == 0
    code, said = await engine.maintain(await engine.driver(), "from", "--name", "half", "--pull-never", steps.pinned)
    assert code == 0, said
    for state in store.glob("data/*/root/*-containers/*/userdata/buildah.json"):
        state.unlink()
    assert containers(store)
    engine.store.left_over()
    assert await steps.run("true") == 0
    assert containers(store) == []


async def test_two_containers_of_one_built_image_at_once(steps: Steps, bench: Bench, store: Path) -> None:
    image = await bench.build(bench.order("FROM BASE\nRUN echo both > /both\n"))
    kept = await steps.containers.keep_image(image, "built", bench.scratch())
    assert await asyncio.gather(*(steps.run("cat", "/both", image=kept) for _ in range(2))) == [0, 0]
    assert left(steps, store) == []
