"""Waves: the queue that goes on with their members, and what people see of them and do with them."""

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app import reasons
from baselift.app.waves import control, list_waves
from baselift.app.waves.drive import drive_member
from baselift.app.waves.followers import Place
from baselift.app.world import WAVES
from baselift.arm import waves
from functions.edge import REGISTRY, answering, reply, scope

WAVE = f"{REGISTRY}/waves/{{wave}}"

bp = func.Blueprint()


@bp.function_name("wave")
@bp.queue_trigger(arg_name="message", queue_name=WAVES, connection="AzureWebJobsStorage")
async def wave(message: func.QueueMessage) -> None:
    """Start the member that the message names, try it again, or settle it: whatever it is time for."""
    plan, number = message.get_body().decode().split()
    with reasons.told_by(reasons.WAVE):
        await drive_member(wiring.world(), Place(plan, int(number)))


@bp.function_name("waves_list")
@bp.route(route=f"{REGISTRY}/waves", methods=["GET"])
@answering(Role.READER)
async def waves_list(req: func.HttpRequest) -> func.HttpResponse:
    """The latest waves, newest first."""
    where = await scope(req)
    found = await list_waves.list_waves(wiring.world(), where.registry)
    return reply({"value": [waves.show(each, where) for each in found]})


@bp.function_name("wave_get")
@bp.route(route=WAVE, methods=["GET"])
@answering(Role.READER)
async def wave_get(req: func.HttpRequest) -> func.HttpResponse:
    """One wave and its members."""
    return await _shown(req)


@bp.function_name("wave_resume")
@bp.route(route=f"{WAVE}/resume", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def wave_resume(req: func.HttpRequest) -> func.HttpResponse:
    """Have done what is left of a wave."""
    await _known(req)
    await control.resume_wave(wiring.world(), req.route_params["wave"])
    return await _shown(req)


@bp.function_name("wave_cancel")
@bp.route(route=f"{WAVE}/cancel", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def wave_cancel(req: func.HttpRequest) -> func.HttpResponse:
    """Cancel a wave, and its runs that are not over."""
    await _known(req)
    await control.cancel_wave(wiring.world(), req.route_params["wave"])
    return await _shown(req)


async def _known(req: func.HttpRequest) -> None:
    """Raises NotFound for a wave of other registries."""
    await list_waves.show_wave(wiring.world(), (await scope(req)).registry, req.route_params["wave"])


async def _shown(req: func.HttpRequest) -> func.HttpResponse:
    where = await scope(req)
    shown, members = await list_waves.show_wave(wiring.world(), where.registry, req.route_params["wave"])
    return reply(waves.show(shown, where, members))
