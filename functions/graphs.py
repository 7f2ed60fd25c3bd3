"""HTTP: the graph of tasks, what a movement would cause, what is stale, what is paused."""

from dataclasses import replace

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.change_task import get_task
from baselift.app.waves import pauses
from baselift.app.waves.control import unpause
from baselift.app.waves.graph import task_graph
from baselift.app.waves.pauses import Pause
from baselift.app.waves.preview import named, preview
from baselift.app.waves.stale import stale
from baselift.arm import errors, waves
from baselift.domain.images import InvalidReference
from functions.edge import REGISTRY, answering, body, now, reply, scope

bp = func.Blueprint()


@bp.function_name("preview")
@bp.route(route=f"{REGISTRY}/preview", methods=["GET"])
@answering(Role.READER)
async def preview_get(req: func.HttpRequest) -> func.HttpResponse:
    """What a movement of an image would cause: `?image=REFERENCE`."""
    registry, text = (await scope(req)).registry, req.params.get("image")
    if not text:
        raise errors.invalid("The query needs image: the reference of the image that would move.", "image")
    try:
        return reply(waves.preview(await preview(wiring.world(), registry, text)))
    except InvalidReference as error:
        raise errors.invalid(f"image: {error}", "image") from error


@bp.function_name("graph")
@bp.route(route=f"{REGISTRY}/graph", methods=["GET"])
@answering(Role.READER)
async def graph_get(req: func.HttpRequest) -> func.HttpResponse:
    """The registry's tasks and how they depend on each other."""
    return reply(waves.graph(await task_graph(wiring.world(), (await scope(req)).registry)))


@bp.function_name("stale")
@bp.route(route=f"{REGISTRY}/stale", methods=["GET"])
@answering(Role.READER)
async def stale_get(req: func.HttpRequest) -> func.HttpResponse:
    """Which tasks stand on an old base, and since when."""
    return reply({"value": waves.stale(await stale(wiring.world(), (await scope(req)).registry))})


@bp.function_name("pauses_list")
@bp.route(route=f"{REGISTRY}/pauses", methods=["GET"])
@answering(Role.READER)
async def pauses_list(req: func.HttpRequest) -> func.HttpResponse:
    """What is paused: this registry, its tasks, and bases."""
    return await _pauses(req)


@bp.function_name("pause_put")
@bp.route(route=f"{REGISTRY}/pauses", methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def pause_put(req: func.HttpRequest) -> func.HttpResponse:
    """Pause something: ``{"kind": "registry" | "task" | "base", "name", "window", "minutes", "note"}``."""
    asked = waves.parse_pause(body(req), (await scope(req)).registry, now())
    await pauses.put(wiring.world(), await _meant(req, asked))
    return await _pauses(req)


@bp.function_name("pause_delete")
@bp.route(route=f"{REGISTRY}/pauses", methods=["DELETE"])
@answering(Role.CONTRIBUTOR)
async def pause_delete(req: func.HttpRequest) -> func.HttpResponse:
    """End a pause, and go on with what waited for its end: `?kind=…&name=…`. What is paused may be gone since."""
    given = {name: req.params.get(name) for name in ("kind", "name")}
    asked = waves.parse_pause(given, (await scope(req)).registry, now())
    known = [each for each in await pauses.every(wiring.world()) if each.key == asked.key]
    await unpause(wiring.world(), known[0] if known else await _meant(req, asked))
    return await _pauses(req)


async def _meant(req: func.HttpRequest, pause: Pause) -> Pause:
    """The pause with what it names looked up. Raises ApiError 400, NotFound."""
    registry, world = (await scope(req)).registry, wiring.world()
    if pause.kind == "base":
        try:
            return replace(pause, name=str(await named(world, registry, pause.name)))
        except InvalidReference as error:
            raise errors.invalid(f"name: {error}", "name") from error
    if pause.kind == "task":
        await get_task(world, registry, pause.name)
    return pause


async def _pauses(req: func.HttpRequest) -> func.HttpResponse:
    registry = (await scope(req)).registry.lower()
    found = [each for each in await pauses.every(wiring.world()) if each.registry.lower() in ("", registry)]
    return reply({"value": [waves.pause(each) for each in found]})
