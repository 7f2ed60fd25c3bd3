"""HTTP: pages of what follows what: the graph, waves, and what a movement would cause."""

import asyncio
from typing import TYPE_CHECKING

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.registrations import Registration
from baselift.app.waves import pauses
from baselift.app.waves.around import around
from baselift.app.waves.graph import task_graph
from baselift.app.waves.list_waves import list_waves, show_wave
from baselift.app.waves.preview import Preview, preview
from baselift.arm import errors
from baselift.domain.images import InvalidReference
from baselift.domain.waves.graph import Graph
from functions.dashboard import QUICK, SLOW, R, at, now, text
from functions.dashboard_edge import Visit, registry, show, showing

if TYPE_CHECKING:
    from baselift.web.pages.graph import Seen

WAVE = f"{R}/waves/{{wave}}"
LATEST, OFFERED = 20, 100
"""Waves of the list, and bases that are offered to choose from."""

bp = func.Blueprint()


@bp.function_name("ui_graph")
@bp.route(route=f"{R}/graph", methods=["GET"])
@showing(Role.READER)
async def ui_graph(visit: Visit) -> func.HttpResponse:
    """Bases and tasks: all, or those around `focus`; with `moves`, what its movement would cause."""
    from baselift.web import reads, standing  # noqa: PLC0415  # as below: indexing must not load the templates
    from baselift.web.pages import graph  # noqa: PLC0415

    where, world = await registry(visit), wiring.world()
    asked, query, moves = text(visit, "focus"), text(visit, "q"), text(visit, "moves")
    bases, seen = await asyncio.gather(standing.some_bases(world, query, OFFERED), _seen(where, asked))
    found = [*(await reads.names(world, where.name, query, ""))[0], *bases] if query else []
    data = graph.view(seen, asked=asked, query=query)
    data |= {"query": query, "found": found, "bases": bases, "moves": moves, "foretold": None}
    if moves:
        data["foretold"] = graph.foretold(await _preview(where.name, moves), where.name)
    return await show(visit, "graph.html", at(where, "graph") | data)


async def _seen(where: Registration, asked: str) -> "Seen":
    """What is to be drawn; of a large registry only what is around one thing in it."""
    from baselift.web import reads, standing  # noqa: PLC0415
    from baselift.web.pages import graph, overview  # noqa: PLC0415

    world = wiring.world()
    stale, recent, (found, whole) = await asyncio.gather(
        standing.moving(world, where.name), reads.recent_runs(world, where.name), _part(where, asked)
    )
    failed = [run.task for run in overview.last_failures(recent, now()) if run.task]
    return graph.Seen(found, where.name, where.address, stale, failed, whole)


async def _part(where: Registration, asked: str) -> tuple[Graph, bool]:
    """The graph, and whether it is all there is around what was asked for."""
    from baselift.web import reads  # noqa: PLC0415
    from baselift.web.pages import graph  # noqa: PLC0415

    world = wiring.world()
    if await reads.at_most(world, where.name, graph.MOST):
        return await task_graph(world, where.name), True
    near = await around(world, where.name, asked, graph.NEAR) if asked else None
    return (near.graph, near.whole) if near else (Graph(()), False)


@bp.function_name("ui_waves")
@bp.route(route=f"{R}/waves", methods=["GET"])
@showing(Role.READER)
async def ui_waves(visit: Visit) -> func.HttpResponse:
    """The latest waves, newest first."""
    from baselift.web.pages import waves  # noqa: PLC0415

    where, world = await registry(visit), wiring.world()
    found, paused = await asyncio.gather(list_waves(world, where.name, LATEST), pauses.every(world))
    mine = [each for each in paused if each.kind == "registry" and each.registry.lower() == where.name.lower()]
    data = {"rows": [waves.row(each, now()) for each in found], "paused": bool(mine)}
    return await show(visit, "waves.html", at(where, "waves") | data, refresh=SLOW)


@bp.function_name("ui_wave")
@bp.route(route=WAVE, methods=["GET"])
@showing(Role.READER)
async def ui_wave(visit: Visit) -> func.HttpResponse:
    """One wave: its plan, and how far it is, level by level."""
    from baselift.web.pages import waves  # noqa: PLC0415

    where = await registry(visit)
    shown, members = await show_wave(wiring.world(), where.name, visit.req.route_params["wave"])
    data = waves.view(shown, members, where.name, now())
    return await show(visit, "wave.html", at(where, "waves") | data, refresh=0 if shown.tally.over else QUICK)


async def _preview(where: str, image: str) -> Preview:
    try:
        return await preview(wiring.world(), where, image)
    except InvalidReference as error:
        raise errors.invalid(f"moves: {error}", "moves") from error
