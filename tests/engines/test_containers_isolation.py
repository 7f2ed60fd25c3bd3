import asyncio
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from container_parts import Steps
from engine_parts import Base, Bench, content, processes

from baselift.domain.builds import Failure
from baselift.domain.containers import LEAST_MEMORY, LEAST_PIDS, Limits
from baselift.engines.buildah import Buildah
from baselift.engines.containers import Containers
from baselift.engines.limits import _parents, enforced
from baselift.engines.network import RunNetwork, run_network

PLANTED = "planted-4711"
GROUPS = Path("/sys/fs/cgroup")


@pytest.fixture(scope="session")
async def network() -> AsyncIterator[RunNetwork]:
    async with run_network() as made:
        yield made


@pytest.fixture(scope="session")
def engine(store: Path, base: Base) -> Buildah:
    return Buildah(store, plain_http_hosts=[base.host])


@pytest.fixture
def steps(tmp_path: Path, engine: Buildah, base: Base, network: RunNetwork) -> Steps:
    return Steps(tmp_path, base.pinned, Containers(engine, network))


@pytest.fixture
def listener() -> AsyncIterator[socket.socket]:
    """A service of this machine, on every address it has."""
    with closing(socket.create_server(("0.0.0.0", 0))) as server:
        server.settimeout(0.2)
        yield server


def own_address() -> str:
    said = subprocess.run(("ip", "-j", "-4", "address"), capture_output=True, check=True).stdout
    found = [each["local"] for link in json.loads(said) for each in link["addr_info"]]
    return next(each for each in found if not each.startswith("127."))


def reach(port: int) -> str:
    """A script that tries every way to a port of this machine, and the metadata address; prints what answered."""
    ways = f"127.0.0.1:{port} 198.19.255.2:{port} 198.19.255.3:{port} {own_address()}:{port} 169.254.169.254:80"
    return (
        f"for way in {ways}; do nc -w 1 ${{way%:*}} ${{way#*:}} </dev/null && echo reached $way; done 2>/dev/null; "
        "ip addr | grep -c tap0:"
    )


async def test_a_step_reaches_no_service_of_this_machine_and_no_metadata(steps: Steps, listener: socket.socket) -> None:
    assert await steps.said(reach(listener.getsockname()[1])) == "1\n"
    with pytest.raises(TimeoutError):
        listener.accept()


async def test_a_run_instruction_reaches_no_service_of_this_machine_either(
    bench: Bench, network: RunNetwork, listener: socket.socket
) -> None:
    ways, name = reach(listener.getsockname()[1]), socket.gethostname()
    script = f"RUN {{ {ways}; cat /etc/resolv.conf; grep {name} /etc/hosts; true; }} > /said"
    order = bench.order(f"FROM BASE\n{script}\nCOPY --from=BASE /bin/busybox /again\n")
    image = await bench.engine.build(order, bench.scratch(), bench.take, network=network)
    assert content(image, "said").splitlines() == ["1", "nameserver 198.19.255.3"]
    with pytest.raises(TimeoutError):
        listener.accept()


async def test_the_way_out_leads_everywhere_else(network: RunNetwork) -> None:
    def routes(address: str) -> str:
        said = subprocess.run(
            (*network.enter, "ip", "route", "get", address), capture_output=True, text=True, check=False
        )
        return said.stdout or said.stderr

    assert "dev tap0" in routes("1.1.1.1")
    for blocked in ("169.254.169.254", "168.63.129.16", own_address()):
        assert "dev tap0" not in routes(blocked)


async def test_what_is_blocked_besides_is_blocked() -> None:
    async with run_network(blocked=["10.0.0.0/8"]) as made:
        said = subprocess.run((*made.enter, "ip", "route"), capture_output=True, text=True, check=True).stdout
    assert "prohibit 10.0.0.0/8" in said


async def test_a_network_takes_its_helper_along() -> None:
    async with run_network() as made:
        path = made.enter[-1].partition("=")[2]
        assert any(path in line for line in processes("slirp4netns"))
    assert not any(path in line for line in processes("slirp4netns") if f"/{os.getpid()}/" in line)


async def test_a_step_without_a_network_has_a_loopback_of_its_own(steps: Steps) -> None:
    web = await steps.containers.start(
        steps.order("nc", "-ll", "-p", "81", "-e", "echo", "served"), steps.scratch, steps.take
    )
    assert "served" in await steps.said("until nc 127.0.0.1 81 2>/dev/null; do sleep 0.1; done")
    assert await steps.said(
        "nc -w 1 127.0.0.1 81 || ls /sys/class/net >/dev/null; ip addr | grep -c UP", network="none"
    ) == ("nc: can't connect to remote host (127.0.0.1): Connection refused\n1\n")
    await web.stop(grace=0)


async def test_this_machines_network_is_only_for_those_who_may(steps: Steps, engine: Buildah) -> None:
    with pytest.raises(Failure, match="network 'host' is not allowed here"):
        await steps.run("true", network="host")
    steps.containers = Containers(engine, None, host_network=True)
    with pytest.raises(Failure, match="this run has no network"):
        await steps.run("true")
    assert own_address() in await steps.said("ip addr", network="host")


async def test_a_step_sees_no_process_variable_or_file_of_this_machine(
    steps: Steps, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASELIFT_PLANTED", PLANTED)
    (tmp_path / "other-run").write_text(PLANTED)
    script = (
        f"env; ls -d /proc/[0-9]* | wc -l; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; ls / /mnt /tmp; "
        f"cat {tmp_path}/other-run /proc/1/root{tmp_path}/other-run; find / -xdev -name other-run; "
        "echo $(ls /dev); ls /sys/fs/cgroup | wc -l; "
        "mount -t proc proc /proc; mknod /dev/x b 254 0; chroot / true; hostname; kill -0 2; exit 0"
    )
    said = await steps.said(script)
    assert PLANTED not in said
    assert str(store) not in said
    assert "buildah" not in said
    assert "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero\n0\n" in said
    assert said.endswith("can't kill pid 2: No such process\n")
    assert "mount: permission denied" in said
    assert "mknod: /dev/x: Operation not permitted" in said


async def test_a_step_has_no_rights_over_its_network_or_clock(steps: Steps) -> None:
    script = "ip route flush table all; ip link set lo down; ip addr add 1.2.3.4 dev lo; date -s 2000-01-01; exit 0"
    assert (await steps.said(script)).count("Operation not permitted") == 4


async def test_a_fork_bomb_is_bounded(steps: Steps) -> None:
    nap = f"93{os.getpid()}"
    bomb = f"bomb() {{ bomb & bomb & exec sleep {nap}; }}; bomb 2>/dev/null & sleep {nap}"
    order = steps.order("sh", "-c", bomb, limits=Limits(pids=LEAST_PIDS))
    running = await steps.containers.start(order, steps.scratch, steps.take)
    await asyncio.sleep(1)
    assert LEAST_PIDS / 4 < len([line for line in processes(nap) if "crun" not in line]) <= LEAST_PIDS
    await running.stop(grace=0)
    assert processes(nap) == []


async def test_a_memory_limit_ends_what_goes_over_it(steps: Steps) -> None:
    limits = Limits(memory=LEAST_MEMORY)
    assert await steps.run("sh", "-c", "tail /dev/zero; exit $?", limits=limits) == 137


async def test_a_limit_on_processors_holds_for_all_of_a_step(steps: Steps) -> None:
    running = await steps.containers.start(
        steps.order("sleep", "60", limits=Limits(cpus=0.5)), steps.scratch, steps.take
    )
    (group,) = [path for path in GROUPS.rglob(f"baselift-{os.getpid()}-*") if (path / "cpu.shares").exists()] or [
        path for path in GROUPS.rglob(f"baselift-{os.getpid()}-*") if (path / "cpu.max").exists()
    ]
    assert (group / "cgroup.procs").read_text().split()
    await running.stop(grace=0)
    assert not group.exists()


@pytest.mark.parametrize("limits", [Limits(memory=LEAST_MEMORY), Limits(cpus=0.5)])
async def test_a_limit_that_cannot_be_kept_is_refused(limits: Limits, tmp_path: Path) -> None:
    nothing = tmp_path / "mountinfo"
    nothing.write_text("")
    with pytest.raises(Failure, match="cannot be kept here"):
        async with enforced(limits, nothing):
            pass


async def test_without_control_groups_the_number_of_processes_is_kept_for_each_user(tmp_path: Path) -> None:
    nothing = tmp_path / "mountinfo"
    nothing.write_text("")
    async with enforced(Limits(pids=77), nothing) as kept:
        assert (list(kept.groups), list(kept.prefix)) == ([], ["prlimit", "--nproc=77:77"])


@pytest.mark.parametrize("wrong", [{"memory": 1}, {"pids": 0}, {"cpus": 0.0}, {"cpus": float("nan")}])
def test_a_limit_too_small_for_anything_is_refused(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(Failure, match=f"^{name} limit"):
        Limits(**wrong)


def test_the_group_of_a_process_is_found_in_every_hierarchy() -> None:
    mountinfo = (
        "30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "31 23 0:27 /docker/x /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "32 23 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    )
    assert _parents(mountinfo, "5:memory:/a/b\n4:cpu,cpuacct:/docker/x\n0::/u\n") == {
        "memory": Path("/sys/fs/cgroup/memory/a/b"),
        "cpu": Path("/sys/fs/cgroup/cpu,cpuacct"),
        "cpuacct": Path("/sys/fs/cgroup/cpu,cpuacct"),
        "pids": Path("/sys/fs/cgroup/unified/u"),
    }
    unified = "32 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    assert _parents(unified, "0::/system.slice/x\n")["memory"] == Path("/sys/fs/cgroup/system.slice/x")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"working_directory": "relative"}, "working directory 'relative' must be an absolute path"),
        ({"volumes": [("v", Path("/"))]}, "volume 'v' must be an absolute path"),
        ({"hosts": ["a b"]}, "'a b' cannot be a host name"),
        ({"env": {"A=": "b"}}, "variable 'A='"),
        ({"network": "other"}, "network 'other' is not one of run, host, none"),
    ],
)
async def test_what_a_step_cannot_mean_is_refused(steps: Steps, fields, said: str) -> None:
    with pytest.raises(Failure) as caught:
        await steps.run("true", **fields)
    assert said in str(caught.value)


async def test_files_of_a_workspace_are_given_and_links_are_not_followed(steps: Steps, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("ours")
    before = outside.stat()
    (steps.workspace / "link").symlink_to(outside)
    (steps.workspace / "directory").symlink_to(tmp_path)
    assert await steps.run("sh", "-c", "touch /workspace/directory/x; cat /workspace/link") == 1
    assert (outside.stat().st_uid, outside.stat().st_mode) == (before.st_uid, before.st_mode)
