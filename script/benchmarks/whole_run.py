"""A whole run against buildah typed by hand."""

import asyncio
import time
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


def _build_and_push(site: Site, context: str, image: str, host: str) -> None:
    site.buildah.build(context, "Dockerfile-app", image, [f"REGISTRY_NAME={host}"])
    site.buildah.push(image)


def _change(site: Site, mark: str) -> None:
    """Make a source that was never built, on disk and in git: nothing of its image is in a registry."""
    file = site.sample / "hello.sh"
    kept = [line for line in file.read_text().splitlines() if not line.startswith("# ")]
    file.write_text("\n".join([*kept, f"# {mark}", ""]))
    site.git.commit(SAMPLE, {file.name: file.read_text()})
