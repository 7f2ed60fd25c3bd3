"""How much memory the builder's process takes while a build prints, or makes, ever more."""

import os
from pathlib import Path

from parts.errors import PartError
from parts.story import SAMPLE

from benchmarks.report import Aim, Figure
from benchmarks.site import BASE, TAG, Site

LOG = 100
LAYERS = os.environ.get("BASELIFT_BENCH_LAYERS", "500,1000")
"""MB of the layers that are built, separated by commas."""
SECONDS = 1800.0
AIM = Aim(p50=150)
FLOOR = "the same process after a run that prints and makes next to nothing"
FILE = "Dockerfile-{}"
HEAD = f"""ARG REGISTRY_NAME
FROM ${{REGISTRY_NAME}}/{BASE}:{TAG} AS base
FROM base
COPY --from=base /bin/sh /bin/busybox
RUN /bin/busybox mkdir -p /usr/bin && /bin/busybox --install -s /usr/bin
RUN """
LINE = "a line of a log, as compilers and package managers print them: nothing that anybody will ever read"


async def memory(site: Site) -> list[Figure]:
    """The largest resident size of the app's process, in MB, during a run each."""
    small = await _peak(site, "small", "true")
    pid = site.stack.app.child.process.pid
    print(f" (the app, all its roles in process {pid})", end="", flush=True)
    figures = [await _figure(site, f"a log of {LOG} MB", "log", f"yes '{LINE}' | head -c {LOG}000000", small)]
    for size in LAYERS.split(","):
        command = f"dd if=/dev/urandom of=/blob bs=1M count={int(size)}"
        figures.append(await _figure(site, f"a layer of {size} MB", f"layer{size}", command, small))
    return figures


async def _figure(site: Site, name: str, task: str, command: str, small: float) -> Figure:
    return Figure(f"memory, {name}", [await _peak(site, task, command)], [small], FLOOR, AIM, "MB")


async def _peak(site: Site, name: str, command: str) -> float:
    """MB at most during a run of a Dockerfile with this step."""
    file = FILE.format(name)
    site.git.commit(SAMPLE, {file: f"{HEAD}{command}\n"})
    await site.api.put_task(f"task{name}", site.context, {"REGISTRY_NAME": site.host}, file)
    await site.quiet()
    process = Path("/proc", str(site.stack.app.child.process.pid))
    (process / "clear_refs").write_text("5")
    await site.until_final(await site.api.run_task(f"task{name}"), SECONDS)
    await site.quiet()
    for line in (process / "status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == "VmHWM":
            return int(value.split()[0]) * 1024 / 1e6
    raise PartError("the kernel does not say how much memory a process took at most")
