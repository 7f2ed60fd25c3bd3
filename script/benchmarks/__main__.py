"""`script/bench`: measures, and prints a table."""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from parts.errors import PartError

from benchmarks import report
from benchmarks.deliveries import deliveries
from benchmarks.imports import imports
from benchmarks.memory import memory
from benchmarks.movements import movements
from benchmarks.pages import pages
from benchmarks.push_event import push_event
from benchmarks.report import Figure
from benchmarks.requests import http
from benchmarks.run_list import run_list
from benchmarks.site import Site, site
from benchmarks.tasks import tasks
from benchmarks.waves import waves
from benchmarks.whole_run import large_run, long_run, sample_run

ON_SITE: dict[str, Callable[[Site], Awaitable[list[Figure]]]] = {
    "push": push_event,
    "told": deliveries,
    "run": sample_run,
    "large": large_run,
    "long": long_run,
    "memory": memory,
    "http": http,
}
ALONE: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "import": imports,
    "list": run_list,
    "tasks": tasks,
    "moved": movements,
    "pages": pages,
    "waves": waves,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what was chosen: exit code 0 when it could be measured, met or not; 1 and the reason when not."""
    options = _parser().parse_args(arguments)
    wanted = options.only or [*ALONE, *ON_SITE]
    try:
        figures = asyncio.run(_measure(wanted))
        print(f"\n{report.table(figures)}")
        if options.json:
            options.json.write_text(json.dumps(_document(figures), indent=2) + "\n")
    except (PartError, OSError) as error:
        print(f"script/bench: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("script/bench: stopped before the end", file=sys.stderr)
        return 1
    return 0


async def _measure(wanted: Sequence[str]) -> list[Figure]:
    if this := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    figures: list[Figure] = []
    for name in [name for name in ALONE if name in wanted]:
        figures += await _told(name, ALONE[name]())
    chosen = [name for name in ON_SITE if name in wanted]
    if not chosen:
        return figures
    directory = Path(tempfile.mkdtemp(prefix="baselift-bench-"))
    try:
        async with site(directory) as parts:
            for name in chosen:
                figures += await _told(name, ON_SITE[name](parts))
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
    return figures


async def _told(name: str, measuring: Awaitable[list[Figure]]) -> list[Figure]:
    begun = time.monotonic()
    print(f"measuring: {name} …", file=sys.stderr, end="", flush=True)
    figures = await measuring
    load = os.getloadavg()[0]
    print(f" {time.monotonic() - begun:.0f} s (load of this machine: {load:.1f})", file=sys.stderr, flush=True)
    return figures


def _document(figures: Sequence[Figure]) -> dict[str, object]:
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": sys.version.split()[0]}
    return {"machine": machine, "figures": [figure.document() for figure in figures]}


def _parser() -> argparse.ArgumentParser:
    names = [*ALONE, *ON_SITE]
    parser = argparse.ArgumentParser(prog="script/bench", description="Measures Baselift beside its floor.")
    parser.add_argument(
        "--only", nargs="+", choices=names, metavar="NAME", help=f"measure these alone: {', '.join(names)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every sample to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
