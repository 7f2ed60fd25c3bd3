"""Which tasks push an image: the way up the graph. Rows are hints, checked against the task when they are read."""

from collections.abc import Iterable

from baselift.app import keys, task_rows
from baselift.app.ports import Row
from baselift.app.task_rows import StoredTask
from baselift.app.waves.walk import outputs, together
from baselift.app.world import World
from baselift.domain.images import Reference

PRODUCERS = "producers"


async def record(world: World, task: StoredTask) -> None:
    """Note under each tag that the task is known to push that it does."""
    for image in await outputs(world, task):
        values = {"registry": task.registry, "task": task.name}
        await world.tables.upsert(PRODUCERS, Row(str(image), keys.dependent(task.registry, task.name), values))


async def of_image(world: World, image: str) -> list[StoredTask]:
    """The tasks that push an image."""
    found = []
    async for row in world.tables.query(PRODUCERS, partition=image):
        task = await task_rows.get(world, row.text("registry"), row.text("task"))
        if task is not None and image in [str(each) for each in await outputs(world, task)]:
            found.append(task)
        else:
            await world.tables.delete(PRODUCERS, row.partition, row.key)
    return found


async def above(world: World, images: Iterable[str], limit: int) -> list[str]:
    """The images, and all that tasks build them on, at most `limit`."""
    seen: dict[str, None] = {}
    ahead = list(images)
    while ahead and len(seen) < limit:
        ahead = [image for image in dict.fromkeys(ahead) if image not in seen]
        seen |= dict.fromkeys(ahead)
        producers = await together(ahead, lambda image: of_image(world, image))
        ahead = [base for tasks in producers for task in tasks for base in bases(task)]
    return list(seen)[:limit]


def bases(task: StoredTask) -> list[str]:
    """Canonical references of the tags that a task is built on."""
    named = [base.image for base in task.edges.bases if base.image.tag]
    return [str(Reference(image.registry, image.repository, image.tag)) for image in named]
