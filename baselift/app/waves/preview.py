"""What a movement would cause, before it happens: the plan that would be carried out, made by the same code."""

from collections.abc import Sequence
from dataclasses import dataclass

from baselift.app.waves.walk import Walk
from baselift.app.world import World
from baselift.domain import images, tasks
from baselift.domain.images import Reference
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
        InvalidReference: the text is no reference.
    """
    image = await named(world, registry, text)
    graph = await Walk(world).behind([image])
    plan = make_plan(graph, [str(image)])
    return Preview(str(image), plan, makespan(plan, world.waves.concurrency), graph.cycles)


async def named(world: World, registry: str, text: str) -> Reference:
    """The tag that a text means: one without a host is of this registry."""
    address, hosts = await world.registrations.address(registry), await world.registrations.hosts()
    host, slash, _ = text.partition("/")
    told = slash and ("." in host or ":" in host or host == "localhost" or host.lower() in hosts)
    reference = images.parse(text if told else tasks.qualified(text, address))
    return await world.registrations.home(reference.tagged())
