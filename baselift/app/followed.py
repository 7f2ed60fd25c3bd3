"""Which tags of a repository are bases of tasks, so that the push of another tag can be answered: nobody follows it."""

from baselift.app import base_rows, keys, reasons
from baselift.app.ports import Row
from baselift.app.world import World
from baselift.domain import images
from baselift.domain.images import Reference

FOLLOWED = "followedtags"
_SHOWN = 10


async def follow(world: World, image: Reference) -> None:
    """List a tag under its repository, before it is watched."""
    await world.tables.upsert(FOLLOWED, Row(_partition(image), str(image), {"image": str(image)}))


async def not_followed(world: World, image: Reference) -> None:
    """Keep that a tag was pushed which no task follows, where tasks follow others of its repository."""
    if image.tag is None:
        return
    tags = [each.tag or "" for each in await _siblings(world, image)]
    if tags:
        shown = ", ".join(tags[:_SHOWN]) + (f" and {len(tags) - _SHOWN} more" if tags[_SHOWN:] else "")
        text = f"tag '{image.tag}' was pushed to {image.name}; tasks follow {shown} of it, and none follows this one"
        await reasons.not_followed(world, image, text)


async def _siblings(world: World, image: Reference) -> list[Reference]:
    """The tags of the repository that are watched; those that no longer are leave the list."""
    listed = [
        row.key
        async for row in world.tables.query(FOLLOWED, partition=_partition(image))
        if row.key.startswith(f"{image.name}:")
    ]
    found = []
    for key in listed:
        sibling = images.parse(key)
        if await base_rows.get(world, sibling) is not None:
            found.append(sibling)
    return found


def _partition(image: Reference) -> str:
    return keys.short(image.name, 8)
