"""A builder's turn: begin the run that is first in line, and leave the queue filled."""

from baselift.app.dispatch import choose, feed
from baselift.app.execute_run import execute_run
from baselift.app.world import World


async def take_build(world: World, registry: str, identifier: str) -> None:
    """Answer a message of the build queue: carry out its run, or one that people wait for in its place."""
    chosen = await choose(world, registry, identifier)
    try:
        await execute_run(world, *chosen)
    finally:
        await feed(world, own=1)
