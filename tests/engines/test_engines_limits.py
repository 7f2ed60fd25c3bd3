"""What a build may use: small limits, hostile steps, and what is left after them."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from container_parts import Steps
from engine_parts import Bench, containers, content, mounts, processes

from baselift.domain.builds import Failure, Limits
from baselift.domain.containers import LEAST_MEMORY
from baselift.engines.buildah import Buildah
from baselift.engines.containers import Containers
from baselift.engines.limits import enforced

MEBIBYTE = 2**20


async def ended(bench: Bench, step: str, limits: Limits) -> str:
    """Why a build of one step fails; nothing of it is left."""
    scratch = bench.scratch()
    with pytest.raises(Failure) as caught:
        await bench.build(replace(bench.order(f"FROM BASE\nRUN {step}\n"), limits=limits), scratch)
    assert list(scratch.iterdir()) == []
    assert list(Path("/sys/fs/cgroup").rglob(f"baselift-{os.getpid()}-*")) == []
    return str(caught.value)


async def test_a_fork_bomb_that_breaks_down_is_named(bench: Bench) -> None:
    said = await ended(bench, "i=0; while [ $i -lt 200 ]; do sleep 30 & i=$((i+1)); done", Limits(pids=64))
    assert "the limit of 64 processes was reached" in said


async def test_a_fork_bomb_that_stays_is_ended(bench: Bench, store: Path) -> None:
    nap = f"97{os.getpid()}"
    bomb = f"""awk 'BEGIN {{ while (1) system("exec sleep {nap} &") }}' 2>/dev/null"""
    said = await ended(bench, bomb, Limits(pids=64))
    assert said == "ended: no room for another process: the limit is 64"
    assert processes(nap) == []
    assert mounts(store) == []
    assert "1" in content(await bench.build(bench.order("FROM BASE\nRUN echo 1 > /x\n")), "x")
    assert containers(store) == []


async def test_a_step_that_fills_the_disk_is_ended(bench: Bench, store: Path) -> None:
    step = "dd if=/dev/zero of=/one bs=1M count=30; dd if=/dev/zero of=/run/two bs=1M count=30; sleep 60"
    said = await ended(bench, step, Limits(disk=40 * MEBIBYTE))
    assert said == f"ended: more than {40 * MEBIBYTE} bytes of disk are used: the limit"
    assert not [path for path in store.rglob("*") if path.is_file() and path.stat().st_size > 20 * MEBIBYTE]


async def test_a_step_that_fills_the_builders_disk_is_ended_before_it_is_full(bench: Bench, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=620m", "tmpfs", small), check=True)
    try:
        bench.engine = Buildah(small, plain_http_hosts=[bench.base.host])
        said = await ended(bench, "dd if=/dev/zero of=/x bs=1M count=150; sleep 60", Limits())
    finally:
        subprocess.run(("umount", small), check=True)
    assert said.startswith("ended: the builder's disk is nearly full, and 1")


async def test_a_step_that_takes_all_memory_is_ended(bench: Bench) -> None:
    assert "the limit of memory was reached" in await ended(bench, "tail /dev/zero", Limits(memory=2 * LEAST_MEMORY))


async def test_the_engines_limits_hold_for_every_order_and_step(bench: Bench, store: Path, tmp_path: Path) -> None:
    bench.engine = Buildah(store, plain_http_hosts=[bench.base.host], limits=Limits(disk=10 * MEBIBYTE))
    fill = "dd if=/dev/zero of=/workspace/x bs=1M count=20; sleep 60"
    assert "more than 10485760 bytes" in await ended(bench, fill.replace("/workspace", ""), Limits())
    steps = Steps(tmp_path / "steps", bench.base.pinned, Containers(bench.engine, None))
    with pytest.raises(Failure, match="more than 10485760 bytes"):
        await steps.run("sh", "-c", fill, network="none")


def test_the_stricter_limit_counts() -> None:
    outer = Limits(cpus=2, memory=LEAST_MEMORY, pids=100)
    assert Limits(cpus=1, pids=None, disk=MEBIBYTE).within(outer) == Limits(1, LEAST_MEMORY, 100, MEBIBYTE)


async def test_a_limit_on_disk_is_refused_where_it_cannot_be_kept(bench: Bench) -> None:
    bench.engine._driver = "vfs"
    with pytest.raises(Failure, match="limit on disk cannot be kept"):
        await bench.engine.allowed(Limits(disk=MEBIBYTE))


async def test_groups_of_the_dead_go_and_those_of_another_namespace_stay(bench: Bench) -> None:
    async with enforced(Limits(pids=64)) as kept:
        (place,) = {Path(file).parent.parent for file in kept.groups}
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        dead, elsewhere = place / f"baselift-{2**30}-{namespace}-test", place / f"baselift-{2**30}-1-test"
        for group in (dead, elsewhere):
            group.mkdir()
        try:
            await bench.build(bench.order("FROM BASE\nRUN true\n"))
            assert (dead.exists(), elsewhere.exists()) == (False, True)
        finally:
            elsewhere.rmdir()
