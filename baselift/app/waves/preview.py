"""What a movement would cause, before it happens: the plan that would be carried out, made by the same code."""

from collections.abc import Sequence
from dataclasses import dataclass

from baselift.app import base_rows
from baselift.app.waves.walk import Walk
from baselift.app.world import World
from baselift.domain import images, tasks
from baselift.domain.images import InvalidReference, Reference
from baselift.domain.waves.graph import Cycle
from baselift.domain.waves.plan import Plan, make_plan, makespan


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan, and what is to be said of it."""

    image: str
    """Canonical reference."""
    plan: Plan
    seconds: float
    """How long the wave takes with the concurrency that waves have, estimated from the last runs."""
    cycles: Sequence[Cycle]


async def preview(world: World, registry: str, text: str) -> Preview:
    """Plan the movement of an image, given as it is in a task: with or without the registry in front.

    Raises:
        InvalidReference: as for `named`.
    """
    image = await named(world, registry, text)
    graph = await Walk(world).behind([image])
    plan = make_plan(graph, [str(image)])
    return Preview(str(image), plan, makespan(plan, world.waves.concurrency), graph.cycles)


async def named(world: World, registry: str, text: str) -> Reference:
    """The tag that a text means: one without a host is of this registry, or Docker Hub's where only that one is a base.

    Raises:
        InvalidReference: the text is no reference, or names a digest, which never moves.
    """
    address, hosts = await world.registrations.address(registry), await world.registrations.hosts()
    host, slash, _ = text.partition("/")
    told = slash and ("." in host or ":" in host or host == "localhost" or host.lower() in hosts)
    reference = images.parse(text if told else tasks.qualified(text, address))
    if reference.pinned:
        raise InvalidReference(f"image '{text}' names a digest, which never moves: give its tag alone")
    own = await world.registrations.home(reference.tagged())
    if told or await base_rows.get(world, own):
        return own
    meant = await world.registrations.home(images.parse(text).tagged())
    return meant if await base_rows.get(world, meant) else own
