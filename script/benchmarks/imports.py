"""How long a host waits for the app's functions to be known."""

import asyncio
import sys

from parts.app import REPOSITORY
from parts.errors import PartError

from benchmarks.measure import alternate, timed
from benchmarks.report import Aim, Figure

TIMES = 10


async def imports() -> list[Figure]:
    """``import function_app`` in a fresh process, its start included."""
    samples, floor = await alternate(TIMES, lambda _: _python("function_app"), lambda _: _python("azure.functions"))
    floor_is = "import azure.functions in a fresh process"
    return [Figure("import function_app", samples, floor, floor_is, Aim(p50=1000))]


async def _python(module: str) -> float:
    async def run() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", f"import {module}", cwd=REPOSITORY)
        if await process.wait():
            raise PartError(f"`import {module}` failed")

    return await timed(run)
