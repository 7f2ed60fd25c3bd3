"""Refuse a change of a task that would close a cycle, as far as edges are known.

Edges that are found later may still close one: such an edge is known for what it is, and never fires.
"""

from baselift.app.task_rows import StoredTask
from baselift.app.waves.graph import node
from baselift.app.waves.walk import Walk, outputs
from baselift.app.world import Refused, World
from baselift.domain.waves.graph import Graph


async def refuse_cycle(world: World, before: StoredTask, after: StoredTask) -> None:
    """Raise Refused, with the path, when what the task newly pushes is what its own bases are built on.

    A task that is based on its own output is let be: it is named in the graph, and not built for that.
    """
    known = await outputs(world, before)
    fresh = [image for image in await outputs(world, after) if image not in known]
    if not fresh or not after.edges.bases:
        return
    behind, own = await Walk(world).behind(fresh), await node(world, after)
    graph = Graph([*(each for key, each in behind.nodes.items() if key != own.key), own])
    for cycle in graph.cycles:
        if own.key in cycle.path and len(set(cycle.path)) > 1:
            path = " -> ".join(graph.nodes[key].task for key in cycle.path)
            named = ", ".join(str(image) for image in fresh)
            raise Refused(f"task '{after.name}' must not push {named}: each would be built on the other ({path})")
