"""HTTP: pages of what follows what: the graph, waves, and what a movement would cause."""

import asyncio

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.waves import pauses
from baselift.app.waves.graph import task_graph
from baselift.app.waves.list_waves import list_waves, show_wave
from baselift.app.waves.preview import Preview, preview
from baselift.arm import errors
from baselift.domain.images import InvalidReference
from functions.dashboard import QUICK, SLOW, R, at, now
from functions.dashboard_edge import Visit, registry, show, showing

WAVE = f"{R}/waves/{{wave}}"

bp = func.Blueprint()


@bp.function_name("ui_graph")
@bp.route(route=f"{R}/graph", methods=["GET"])
@showing(Role.READER)
async def ui_graph(visit: Visit) -> func.HttpResponse:
    """Bases and tasks: all, or those around `focus`; with `moves`, what its movement would cause."""
    from baselift.web import reads  # noqa: PLC0415  # as below: indexing must not load the templates
    from baselift.web.pages import graph, overview  # noqa: PLC0415

    where, world, params = await registry(visit), wiring.world(), visit.req.params
    found, behind, recent = await asyncio.gather(
        task_graph(world, where.name), reads.unsettled(world, where.name), reads.recent_runs(world, where.name)
    )
    data = graph.view(
        found,
        home=where.address,
        stale=[seen.task.name for seen in behind],
        failed=[run.task for run in overview.last_failures(recent, now()) if run.task],
        focus=params.get("focus", ""),
        query=params.get("q", "").strip(),
    )
    moves = params.get("moves", "").strip()
    told = graph.foretold(await _preview(where.name, moves)) if moves else None
    return await show(visit, "graph.html", at(where, "graph") | data | {"moves": moves, "foretold": told})


@bp.function_name("ui_waves")
@bp.route(route=f"{R}/waves", methods=["GET"])
@showing(Role.READER)
async def ui_waves(visit: Visit) -> func.HttpResponse:
    """The latest waves, newest first."""
    from baselift.web.pages import waves  # noqa: PLC0415

    where, world = await registry(visit), wiring.world()
    found, paused = await asyncio.gather(list_waves(world, where.name), pauses.every(world))
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
