"""Contexts in registries, whatever name of the registry they are written with."""

from baselift.app.world import World
from baselift.domain import images
from baselift.domain.contexts import Form, InvalidContext, parse


async def at_home(world: World, context: str | None) -> str | None:
    """The context; an artifact is at its registry's real address, under which its login is known."""
    try:
        parsed = parse(context)
    except InvalidContext:
        return context  # who fetches it says what is wrong
    if parsed.form is not Form.ARTIFACT:
        return context
    return f"oci://{await world.registrations.home(images.parse(parsed.location))}"
