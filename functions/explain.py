"""HTTP: why a task or an image was built, and why not."""

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.explain import explain_image, explain_task
from baselift.arm import errors, plain
from baselift.domain.images import InvalidReference
from functions.edge import REGISTRY, answering, reply, scope

bp = func.Blueprint()


@bp.function_name("task_explain")
@bp.route(route=f"{REGISTRY}/tasks/{{task}}/explain", methods=["GET"])
@answering(Role.READER)
async def task_explain(req: func.HttpRequest) -> func.HttpResponse:
    """Why a task was built, and why not."""
    registry = (await scope(req)).registry
    return reply(plain.document(await explain_task(wiring.world(), registry, req.route_params["task"])))


@bp.function_name("image_explain")
@bp.route(route=f"{REGISTRY}/explain", methods=["GET"])
@answering(Role.READER)
async def image_explain(req: func.HttpRequest) -> func.HttpResponse:
    """Why an image was built, and what its pushes caused: `?image=REFERENCE`."""
    registry, text = (await scope(req)).registry, req.params.get("image")
    if not text:
        raise errors.invalid("The query needs image: the reference of the image to explain.", "image")
    try:
        return reply(plain.document(await explain_image(wiring.world(), registry, text)))
    except InvalidReference as error:
        raise errors.invalid(f"image: {error}", "image") from error
