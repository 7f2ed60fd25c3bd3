"""HTTP: the registry resource, as far as the clients of tasks need it."""

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.arm import registries
from functions.edge import PROVIDER, REGISTRY, SUBSCRIPTION, answering, guid, now, own_scope, reply, scope

LINK_SECONDS = 3600

bp = func.Blueprint()


@bp.function_name("registry_get")
@bp.route(route=REGISTRY, methods=["GET"])
@answering(Role.READER)
async def registry_get(req: func.HttpRequest) -> func.HttpResponse:
    """The registry."""
    settings = wiring.settings()
    return reply(registries.show(scope(req), settings.login_server, location=settings.location))


@bp.function_name("registries_list")
@bp.route(route=f"{SUBSCRIPTION}/{PROVIDER}/registries", methods=["GET"])
@answering(Role.READER)
async def registries_list(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    """All registries."""
    settings = wiring.settings()
    return reply({"value": [registries.show(own_scope(), settings.login_server, location=settings.location)]})


@bp.function_name("resources_list")
@bp.route(route=f"{SUBSCRIPTION}/resources", methods=["GET"])
@answering(Role.READER)
async def resources_list(req: func.HttpRequest) -> func.HttpResponse:
    """Look-up of a registry's resource group by its name."""
    wanted = registries.is_registry_query(req.params.get("$filter"))
    found = [registries.resource(own_scope(), location=wiring.settings().location)] if wanted else []
    return reply({"value": found})


@bp.function_name("registry_upload")
@bp.route(route=f"{REGISTRY}/listBuildSourceUploadUrl", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def registry_upload(req: func.HttpRequest) -> func.HttpResponse:
    """A link to upload a source to, and the path under which a run request names it."""
    scope(req)
    name = f"tasks-source/{now()[:10].replace('-', '')}/{guid()}.tar.gz"
    return reply({"uploadUrl": await wiring.world().blobs.upload_url(name, LINK_SECONDS), "relativePath": name})
