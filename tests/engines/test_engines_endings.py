import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from engine_parts import Bench, containers, images, mounts, processes

from baselift.engines.buildah import Buildah
from baselift.engines.store import Store

ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
WORKER = """
import asyncio, sys
from pathlib import Path
from baselift.domain.builds import BuildOrder, Source
from baselift.engines.buildah import Buildah

root, store, scratch, reference, pinned, host = sys.argv[1:]
order = BuildOrder(Source(Path(root), None, 0), "Dockerfile", {reference: pinned}, None, None)

async def log(data):
    sys.stdout.buffer.write(data)
    sys.stdout.flush()

asyncio.run(Buildah(Path(store), plain_http_hosts=[host]).build(order, Path(scratch), log))
"""


async def until(found, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("step", ["sleep {}", "trap '' TERM INT HUP; setsid sleep {} & sleep {}; sleep {}"])
async def test_a_cancelled_build_leaves_nothing(bench: Bench, store: Path, step: str) -> None:
    scratch, nap = bench.scratch(), f"98{os.getpid()}{len(step)}"
    order = bench.order(f"FROM BASE AS one\nRUN true\nFROM one\nRUN {step.format(nap, nap, nap)}\n")
    building = asyncio.create_task(bench.build(order, scratch))
    await until(lambda: any(line.startswith(f"sleep {nap}") for line in processes(nap)))
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert processes(nap) == []
    assert mounts(store) == []
    assert containers(store) == []
    assert list(scratch.iterdir()) == []
    assert all(images(store))
    assert [path.name for path in store.glob("buildah-*")] == []


async def test_a_log_that_fails_ends_the_build(bench: Bench) -> None:
    async def broken(data: bytes) -> None:
        if b"started" in data:
            raise OSError("the log is gone")

    nap = f"97{os.getpid()}"
    order = bench.order(f"FROM BASE\nRUN echo started; sleep {nap}\n")
    with pytest.raises(OSError, match="the log is gone"):
        await bench.engine.build(order, bench.scratch(), broken)
    assert processes(nap) == []


async def test_a_build_that_is_cancelled_before_it_runs_leaves_nothing(bench: Bench) -> None:
    for _ in range(8):
        scratch = bench.scratch()
        building = asyncio.create_task(bench.build(bench.order("FROM BASE\nRUN sleep 5\n"), scratch))
        await asyncio.sleep(0.01 * _)
        building.cancel()
        with pytest.raises(asyncio.CancelledError):
            await building
        assert list(scratch.iterdir()) == []
        assert processes(str(scratch)) == []


async def test_a_killed_worker_takes_its_build_along_and_the_next_one_cleans_up(bench: Bench, tmp_path: Path) -> None:
    nap, store, scratch = f"96{os.getpid()}", tmp_path / "own", bench.scratch()
    order = bench.order(f"FROM BASE AS one\nRUN true\nFROM one\nRUN sleep {nap}\n")
    values = (order.source.root, store, scratch, bench.base.reference, bench.base.pinned, bench.base.host)
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WORKER,
        *map(str, values),
        stdout=asyncio.subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    await until(lambda: any(line.startswith(f"sleep {nap}") for line in processes(nap)))
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    await until(lambda: processes(nap) == [], 5)
    assert mounts(store) == []
    assert containers(store)

    engine = Buildah(store, plain_http_hosts=[bench.base.host])
    await engine.build(bench.order("FROM BASE\nRUN true\n"), bench.scratch(), bench.take)
    assert containers(store) == []
    assert [names for names in images(store) if not names] == []


async def test_a_store_is_cleaned_only_when_nobody_uses_it(tmp_path: Path) -> None:
    cleaned: list[str] = []

    async def clean(name: str) -> None:
        cleaned.append(name)

    first, second = (Store(tmp_path / "store", lambda name=name: clean(name)) for name in ("first", "second"))
    async with first.use():
        assert cleaned == ["first"]
        async with second.use():
            assert cleaned == ["first"]
            first.left_over()
        assert cleaned == ["first"]
    assert cleaned == ["first", "first"]
    async with second.use():
        assert cleaned == ["first", "first", "second"]
