"""Layers that are kept: used where all they depend on is the same, and nowhere else."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine_parts import Bench, containers, content, mounts, push_base
from parts.registry import Registry

from baselift.domain.builds import Argument, BuildOrder, BuildSecret, Failure, Limits
from baselift.domain.layer_keys import LABEL
from baselift.engines.buildah import Buildah

GIBIBYTE = 2**30
ROOT = Path(__file__).parents[2]
MARK = "head -c 16 /dev/urandom | base64 >"


@pytest.fixture
def kept(bench: Bench, store: Path) -> Iterator[Bench]:
    bench.engine = Buildah(store, plain_http_hosts=[bench.base.host], layer_bytes=GIBIBYTE)
    yield bench
    subprocess.run(("rm", "-rf", *map(str, (store / "layers").glob("*"))), check=True)


async def built(bench: Bench, order: BuildOrder, *files: str, scope: str = "task") -> list[str]:
    image = await bench.build(replace(order, layers=scope))
    return [content(image, name) for name in files]


async def test_a_layer_is_used_again_and_the_image_says_nothing_of_it(kept: Bench) -> None:
    text = f"FROM BASE\nARG V=1\nENV W=$V\nRUN {MARK} /mark\nCOPY a /a\nRUN {MARK} /other\n"
    first = await kept.build(replace(kept.order(text, a="one"), layers="task", labels={"v": "1"}))
    second = await kept.build(replace(kept.order(text, a="two"), layers="task"))
    assert content(first, "mark") == content(second, "mark")
    assert content(first, "other") != content(second, "other")
    assert (content(first, "a"), content(second, "a")) == ("one", "two")
    for image in (first, second):
        assert LABEL.encode() not in image.config
    assert [json.loads(each.config)["config"]["Labels"].get("v") for each in (first, second)] == ["1", None]
    assert LABEL.encode() not in kept.log
    assert b"STEP" in kept.log


@pytest.mark.campaign
async def test_nothing_is_kept_where_it_is_not_asked_for_or_no_room_is_given(kept: Bench, store: Path) -> None:
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark\n")
    assert await built(kept, order, "mark", scope="") != await built(kept, order, "mark", scope="")
    kept.engine = Buildah(store, plain_http_hosts=[kept.base.host])
    assert await built(kept, order, "mark") != await built(kept, order, "mark")
    assert b"Layer cache: not used: this builder keeps none" in kept.log


async def test_no_scope_finds_anothers_layers_and_all_share_the_base(kept: Bench, store: Path) -> None:
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark\n")
    assert await built(kept, order, "mark", scope="one") != await built(kept, order, "mark", scope="two")
    assert list(store.glob("data/overlay/root/overlay/*/diff/bin/busybox"))
    assert list(store.glob("layers/*/data/root/overlay/*/diff/mark"))
    assert not list(store.glob("layers/*/data/root/overlay/*/diff/bin/busybox"))


def changed(file: str, text: str) -> Callable[[BuildOrder], BuildOrder]:
    def change(order: BuildOrder) -> BuildOrder:
        (order.source.root / file).write_text(text)
        return order

    return change


def dockerfile(old: str, new: str) -> Callable[[BuildOrder], BuildOrder]:
    def change(order: BuildOrder) -> BuildOrder:
        file = order.source.root / "Dockerfile"
        file.write_text(file.read_text().replace(old, new))
        return order

    return change


def renamed(order: BuildOrder) -> BuildOrder:
    (order.source.root / "a").rename(order.source.root / "b")
    return order


def executable(order: BuildOrder) -> BuildOrder:
    (order.source.root / "a").chmod(0o755)
    return order


def argument(value: str) -> Callable[[BuildOrder], BuildOrder]:
    return lambda order: replace(order, arguments=[Argument("V", value)])


CHANGES: dict[str, tuple[str, Callable[[BuildOrder], BuildOrder], str]] = {
    "a mounted file": ("RUN --mount=type=bind,target=/src cat /src/a > /x", changed("a", "two"), "cat /x"),
    "a file mounted by itself": ("RUN --mount=target=/a,source=a cat /a > /x", changed("a", "two"), "cat /x"),
    "a here-document": ("RUN <<E\n#!/bin/sh\necho one > /x\nE", dockerfile("echo one", "echo two"), "cat /x"),
    "a here-document that is copied": ("COPY <<E /x\none\nE", dockerfile("one", "two"), "cat /x"),
    "a stage behind a mount": (
        "COPY a /a\nFROM BASE\nRUN --mount=from=0,target=/src cat /src/a > /x",
        changed("a", "two"),
        "cat /x",
    ),
    "a variable of ENV": ("ARG V=one\nENV X=$V", argument("two"), "echo $X"),
    "a variable of WORKDIR": ("ARG V=one\nWORKDIR /$V", argument("two"), "pwd"),
    "a variable of COPY": ("ARG V=one\nCOPY a /$V/a", argument("two"), "ls -d /one /two"),
    "a name behind a wildcard": ("COPY [ab] /x/", renamed, "ls /x"),
    "a mode": ("COPY a /x", executable, "stat -c %a /x"),
    "a flag of COPY": ("COPY --chown=1:1 a /x", dockerfile("1:1", "2:2"), "stat -c %u /x"),
    "what is ignored": ("COPY . /x/", changed(".dockerignore", "a"), "ls /x"),
    "arguments that look alike": (
        'ARG V="1 W=2"\nARG W="3"\nRUN echo "$V,$W" > /x',
        lambda order: replace(order, arguments=[Argument("V", "1"), Argument("W", "2 W=3")]),
        "cat /x",
    ),
}


QUICK = ("a mounted file", "a stage behind a mount")


@pytest.mark.parametrize(
    "what", [each if each in QUICK else pytest.param(each, marks=pytest.mark.campaign) for each in CHANGES]
)
async def test_what_a_layer_depends_on_makes_another_layer(kept: Bench, what: str) -> None:
    text, change, look = CHANGES[what]
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark\n{text}\n", a="one")
    (order.source.root / "Dockerfile").write_text(
        (order.source.root / "Dockerfile").read_text().replace("BASE", kept.base.reference)
        + f"RUN ({look}) > /seen 2>&1; true\n"
    )
    before = await built(kept, order, "seen")
    assert await built(kept, order, "seen") == before
    order = change(order)
    after = await built(kept, order, "seen")
    assert after != before
    assert after == await built(kept, order, "seen", scope="")


@pytest.mark.campaign
async def test_another_base_of_the_same_layers_makes_another_layer(
    kept: Bench, tmp_path: Path, registry: Registry
) -> None:
    found = []
    for number in range(2):
        base = push_base(tmp_path, registry.host, "engines/alike", f"value{number}")
        order = kept.order(f"FROM {base.reference}\nRUN echo $MARK > /x\n")
        found += await built(kept, replace(order, bases={base.reference: base.pinned}), "x")
    assert found == ["value0\n", "value1\n"]


async def test_secret_arguments_are_not_kept_and_secrets_are_in_no_kept_file(kept: Bench, store: Path) -> None:
    order = kept.order(f"FROM BASE\nARG V\nRUN echo $V > /dev/null; {MARK} /mark\n", Argument("V", "s3cr3t-88", True))
    assert await built(kept, order, "mark") != await built(kept, order, "mark")
    assert b"Layer cache: not used: a secret build argument would be kept" in kept.log
    order = kept.order(f"FROM BASE\nRUN --mount=type=secret,id=s test -s /run/secrets/s; {MARK} /mark\n")
    order = replace(order, secrets=[BuildSecret("s", b"s3cr3t-88")])
    assert await built(kept, order, "mark") == await built(kept, order, "mark")
    assert [each for each in store.rglob("*") if each.is_file() and b"s3cr3t-88" in each.read_bytes()] == []


@pytest.mark.campaign
async def test_builds_at_once_share_a_scope(kept: Bench, store: Path) -> None:
    order = kept.order(f"FROM BASE\nRUN sleep 0.3; {MARK} /mark\nCOPY a /a\nRUN {MARK} /other\n", a="x")
    await asyncio.gather(*(built(kept, order, "mark", "other") for _ in range(4)))
    assert await built(kept, order, "mark", "other") == await built(kept, order, "mark", "other")
    assert mounts(store) == []


async def test_a_step_that_fails_keeps_what_came_before_it(kept: Bench) -> None:
    text = f"FROM BASE\nRUN {MARK} /mark\nRUN "
    with pytest.raises(Failure):
        await built(kept, kept.order(text + "false\n"))
    kept.log.clear()
    await built(kept, kept.order(text + "true\n"), "mark")
    assert b"Using cache" in kept.log


PROGRAM = """
import asyncio, sys
from pathlib import Path
from baselift.domain.builds import BuildOrder, Source
from baselift.engines.buildah import Buildah
root, store, scratch, host, reference, pinned = sys.argv[1:]
order = BuildOrder(Source(Path(root), None, 1), "Dockerfile", {reference: pinned}, None, None, layers="task")
async def log(data): print(data.decode(), flush=True)
asyncio.run(Buildah(Path(store), plain_http_hosts=[host], layer_bytes=2**30).build(order, Path(scratch), log))
"""


async def test_a_killed_build_leaves_nothing_that_is_used_again(kept: Bench, store: Path) -> None:
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark\nRUN echo reached; sleep 60\n")
    given = (order.source.root, store, kept.scratch(), kept.base.host, kept.base.reference, kept.base.pinned)
    command = (sys.executable, "-c", PROGRAM, *map(str, given))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as child:
        assert child.stdout
        while b"reached" not in (line := child.stdout.readline()) or b"STEP" in line:
            assert child.poll() is None
        os.kill(child.pid, signal.SIGKILL)
    kept.log.clear()
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark\nRUN echo reached\n")
    first = await built(kept, order, "mark")
    assert b"Using cache" not in kept.log
    assert await built(kept, order, "mark") == first
    assert (mounts(store), containers(store)) == ([], [])
    assert [path for path in (store / "layers").iterdir() if path.name.startswith("gone-")] == []


async def test_a_canceled_build_leaves_nothing_that_is_used_again(kept: Bench, store: Path) -> None:
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark\nRUN sleep 60\n")
    building = asyncio.create_task(built(kept, order))
    while b"sleep 60" not in kept.log:
        await asyncio.sleep(0.05)
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert mounts(store) == []
    assert list((store / "layers").iterdir()) == []


@pytest.mark.campaign
async def test_the_least_recently_used_go_when_the_room_is_used_up(kept: Bench, store: Path) -> None:
    kept.engine = Buildah(store, plain_http_hosts=[kept.base.host], layer_bytes=20 << 20)
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark; dd if=/dev/urandom of=/fill bs=1M count=4\n")
    first = {scope: await built(kept, order, "mark", scope=scope) for scope in "abcd"}
    assert await built(kept, order, "mark", scope="a") == first["a"]
    await built(kept, order, "mark", scope="e")
    assert sum(int((each / "size").read_text()) for each in (store / "layers").iterdir()) <= 20 << 20
    assert await built(kept, order, "mark", scope="a") == first["a"]
    assert await built(kept, order, "mark", scope="b") != first["b"]


@pytest.mark.campaign
async def test_what_is_too_large_for_one_is_not_kept(kept: Bench, store: Path) -> None:
    kept.engine = Buildah(store, plain_http_hosts=[kept.base.host], layer_bytes=8 << 20)
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark; dd if=/dev/urandom of=/fill bs=1M count=4\n")
    assert await built(kept, order, "mark") != await built(kept, order, "mark")
    assert list((store / "layers").iterdir()) == []


async def test_layers_of_a_base_that_is_gone_are_not_used(kept: Bench, store: Path) -> None:
    order = kept.order(f"FROM BASE\nLABEL a=b\nRUN {MARK} /mark\n")
    first = await built(kept, order, "mark")
    async with kept.engine.store.use():
        await kept.engine.maintain("overlay", "rmi", "--all", "--force")
    other = kept.from_scratch("FROM scratch\nCOPY a /a\n", a="x")
    await kept.build(replace(other, layers="task"))
    assert b"a base image of its layers is gone" in kept.log
    assert await built(kept, order, "mark") != first


@pytest.mark.campaign
async def test_layers_of_another_boot_are_not_used(kept: Bench, store: Path) -> None:
    order = kept.order(f"FROM BASE\nRUN {MARK} /mark\n")
    first = await built(kept, order, "mark")
    (path,) = (store / "layers").iterdir()
    (path / "boot").write_text("another")
    assert await built(kept, order, "mark") != first


async def test_a_source_that_changes_while_it_is_built_keeps_nothing(kept: Bench) -> None:
    order = kept.order("FROM BASE\nRUN --mount=target=/src sleep 1; cat /src/a > /x\n", a="one")
    building = asyncio.create_task(built(kept, order, "x"))
    while b"RUN --mount" not in kept.log:
        await asyncio.sleep(0.02)
    changed("a", "two")(order)
    await building
    assert await built(kept, changed("a", "one")(order), "x") == ["one"]


@pytest.mark.campaign
async def test_the_limit_on_disk_counts_what_a_build_adds_to_its_layers(kept: Bench) -> None:
    fill = "FROM BASE\nRUN dd if=/dev/urandom of=/{} bs=1M count=12\n"
    limits = Limits(disk=80 << 20)
    for number in range(5):
        await kept.build(replace(kept.order(fill.format(number)), layers="task", limits=limits))
    order = kept.order("FROM BASE\nRUN dd if=/dev/urandom of=/x bs=1M count=120; sleep 60\n")
    with pytest.raises(Failure, match="bytes of disk are used: the limit"):
        await kept.build(replace(order, layers="task", limits=limits))
