"""A whole run against buildah typed by hand."""

import asyncio
import os
import time
from collections.abc import Sequence
from functools import partial

from parts.story import SAMPLE

from benchmarks.images import write_large_base
from benchmarks.measure import alternate, timed
from benchmarks.report import Aim, Figure
from benchmarks.site import BASE, TAG, TASK, Site, with_busybox

RUNS = 10
AIM = Aim(ratio=1.25, added=500)
FLOOR = "buildah bud + buildah push, warm store of the same driver, no user namespace; {}"
GIT, LOCAL = "buildah clones the same git context itself", "its context is a local directory: nothing is fetched"
LARGE = "large"
LONG_RUNS = int(os.environ.get("BASELIFT_BENCH_LONG", "3"))
LONG_SECONDS = 600.0
LONG_FILE = "Dockerfile-long"
LONG = f"""ARG REGISTRY_NAME
FROM ${{REGISTRY_NAME}}/{BASE}:{TAG} AS base
FROM base
COPY --from=base /bin/sh /bin/busybox
RUN /bin/busybox mkdir -p /usr/bin && /bin/busybox --install -s /usr/bin
RUN dd if=/dev/zero bs=1M count=4500 | md5sum > /sum
RUN mkdir /files && for i in $(seq 3000); do echo $i > /files/$i; done
RUN dd if=/dev/urandom of=/blob bs=1M count=20
COPY hello.sh /hello.sh
RUN md5sum /hello.sh > /built
"""
LONG_TASKS: dict[str, dict[str, str]] = {
    "tasklong": {},
    "tasklongtoo": {},
    "tasklongkept": {"baselift-layer-cache": "enabled"},
}
LARGE_TASK = "tasklargebase"


async def sample_run(site: Site) -> list[Figure]:
    """The sample app: from scheduleRun's answer to the run row's final state."""
    return await _figures(site, "run of the sample app", TASK, site.host)


async def large_run(site: Site) -> list[Figure]:
    """The same on a base image of about 100 MB: layers of a base that the registry has are not sent again."""
    context = with_busybox(site.directory / LARGE)
    size = await asyncio.to_thread(write_large_base, context)
    host = f"{site.host}/{LARGE}"
    await asyncio.to_thread(site.push_base, context, f"{host}/{BASE}:{TAG}")
    await site.make_task(LARGE_TASK, host)
    return await _figures(site, f"run on a base of {size / 1e6:.0f} MB", LARGE_TASK, host)


async def _figures(site: Site, name: str, task: str, host: str) -> list[Figure]:
    async def run(number: int) -> float:
        _change(site, f"{task} {number}")
        await site.quiet()
        identifier = await site.api.run_task(task)
        begun = time.perf_counter()
        await site.until_final(identifier)
        taken = (time.perf_counter() - begun) * 1000
        await site.quiet()
        return taken

    async def bare(number: int, context: str) -> float:
        _change(site, f"{task} {number} {context}")
        image = f"{site.host}/bare-{task}:{number}"
        taken = await timed(lambda: asyncio.to_thread(_build_and_push, site, context, image, host))
        await asyncio.to_thread(site.buildah.forget, image)
        return taken

    contexts = (site.context, str(site.sample))
    samples, cloned, local = await alternate(RUNS, run, *(partial(bare, context=each) for each in contexts))
    return [
        Figure(name, samples, cloned, FLOOR.format(GIT), AIM),
        Figure(f"{name}, no fetch", samples, local, FLOOR.format(LOCAL)),
    ]


async def long_run(site: Site) -> list[Figure]:
    """A build of ten seconds and more: against buildah by hand, with kept layers, and two at once."""
    site.git.commit(SAMPLE, {LONG_FILE: LONG})
    (site.sample / LONG_FILE).write_text(LONG)
    await _make(site, LONG_TASKS)

    async def run(number: int, *tasks: str) -> float:
        _change(site, f"{tasks} {number}")
        await site.quiet()
        taken = await timed(lambda: _all(site, tasks))
        await site.quiet()
        return taken

    async def in_turn(number: int) -> float:
        return await run(number, "tasklong") + await run(number, "tasklongtoo")

    async def bare(number: int) -> float:
        _change(site, f"long {number}")
        image = f"{site.host}/bare-long:{number}"
        taken = await timed(lambda: asyncio.to_thread(_build_and_push, site, site.context, image, site.host, LONG_FILE))
        await asyncio.to_thread(site.buildah.forget, image)
        return taken

    samples, floor, layered, at_once, turns = await alternate(
        LONG_RUNS,
        lambda number: run(number, "tasklong"),
        bare,
        lambda number: run(number, "tasklongkept"),
        lambda number: run(number, "tasklong", "tasklongtoo"),
        in_turn,
    )
    return [
        Figure("run of a long build", samples, floor, FLOOR.format(GIT), Aim(ratio=1.10)),
        Figure("the same, its layers kept", layered, samples, "the same run without kept layers"),
        Figure("two of them at once", at_once, turns, "the same two, one after the other"),
    ]


async def _make(site: Site, tasks: dict[str, dict[str, str]]) -> None:
    for name, tags in tasks.items():
        await site.api.put_task(name, site.context, {"REGISTRY_NAME": site.host}, LONG_FILE, tags)
    await site.quiet()


async def _all(site: Site, tasks: Sequence[str]) -> None:
    runs = [await site.api.run_task(name) for name in tasks]
    for identifier in runs:
        await site.until_final(identifier, LONG_SECONDS)


def _build_and_push(site: Site, context: str, image: str, host: str, dockerfile: str = "Dockerfile-app") -> None:
    site.buildah.build(context, dockerfile, image, [f"REGISTRY_NAME={host}"])
    site.buildah.push(image)


def _change(site: Site, mark: str) -> None:
    """Make a source that was never built, on disk and in git: nothing of its image is in a registry."""
    file = site.sample / "hello.sh"
    kept = [line for line in file.read_text().splitlines() if not line.startswith("# ")]
    file.write_text("\n".join([*kept, f"# {mark}", ""]))
    site.git.commit(SAMPLE, {file.name: file.read_text()})
