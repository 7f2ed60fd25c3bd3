"""HTTP: registries, as registrations of this app."""

from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.registrations import Registration
from baselift.app.remove_registry import remove_registry
from baselift.arm import errors, names, registrations, registries
from baselift.arm.names import Scope
from functions.edge import (
    GROUP,
    PROVIDER,
    REGISTRY,
    SUBSCRIPTION,
    answering,
    body,
    check_subscription,
    guid,
    now,
    registration,
    reply,
    scope,
)
from functions.links import upload_link

bp = func.Blueprint()


@bp.function_name("registry_get")
@bp.route(route=REGISTRY, methods=["GET"])
@answering(Role.READER)
async def registry_get(req: func.HttpRequest) -> func.HttpResponse:
    """One registry."""
    return reply(shown(await registration(req)))


@bp.function_name("registries_list")
@bp.route(route=f"{SUBSCRIPTION}/{PROVIDER}/registries", methods=["GET"])
@answering(Role.READER)
async def registries_list(req: func.HttpRequest) -> func.HttpResponse:
    """All registries."""
    check_subscription(req)
    return reply({"value": [shown(each) for each in await wiring.world().registrations.all()]})


@bp.function_name("registries_in_group")
@bp.route(route=f"{GROUP}/{PROVIDER}/registries", methods=["GET"])
@answering(Role.READER)
async def registries_in_group(req: func.HttpRequest) -> func.HttpResponse:
    """The registries of a resource group."""
    check_subscription(req)
    group = req.route_params["resourceGroup"].lower()
    found = [each for each in await wiring.world().registrations.all() if each.group.lower() == group]
    return reply({"value": [shown(each) for each in found]})


@bp.function_name("resources_list")
@bp.route(route=f"{SUBSCRIPTION}/resources", methods=["GET"])
@answering(Role.READER)
async def resources_list(req: func.HttpRequest) -> func.HttpResponse:
    """Look-up of a registry's resource group by its name."""
    check_subscription(req)
    found = await wiring.world().registrations.all() if registries.is_registry_query(req.params.get("$filter")) else ()
    return reply({"value": [registries.resource(_scope(each), location=each.location) for each in found]})


@bp.function_name("registry_put")
@bp.route(route=REGISTRY, methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def registry_put(req: func.HttpRequest) -> func.HttpResponse:
    """Register a registry, or replace its registration."""
    check_subscription(req)
    world, given = wiring.world(), req.route_params
    where = Scope(wiring.settings().subscription, given["resourceGroup"], given["registry"])
    existing = await world.registrations.get(where.registry)
    if existing is not None and existing.group.lower() != where.resource_group.lower():
        raise errors.conflict(f"Registry '{existing.name}' is in resource group '{existing.group}'.")
    made = registrations.create(body(req), existing, scope=where, now=now(), seal=world.seal)
    await world.registrations.put(made)
    return reply(shown(made))


@bp.function_name("registry_patch")
@bp.route(route=REGISTRY, methods=["PATCH"])
@answering(Role.CONTRIBUTOR)
async def registry_patch(req: func.HttpRequest) -> func.HttpResponse:
    """Change parts of a registration."""
    world = wiring.world()
    changed = registrations.merge(await registration(req), body(req), seal=world.seal)
    await world.registrations.put(changed)
    return reply(shown(changed))


@bp.function_name("registry_delete")
@bp.route(route=REGISTRY, methods=["DELETE"])
@answering(Role.CONTRIBUTOR)
async def registry_delete(req: func.HttpRequest) -> func.HttpResponse:
    """Forget a registry and its tasks; nothing in the registry itself is touched."""
    check_subscription(req)
    found = await wiring.world().registrations.get(req.route_params["registry"])
    if found is None or found.group.lower() != req.route_params["resourceGroup"].lower():
        return func.HttpResponse(status_code=204)
    await remove_registry(wiring.world(), found.name)
    return func.HttpResponse(status_code=200)


@bp.function_name("registry_credentials")
@bp.route(route=f"{REGISTRY}/listCredentials", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def registry_credentials(req: func.HttpRequest) -> func.HttpResponse:
    """User and password of the registry, where it was registered with them."""
    found = await registration(req)
    login = (await wiring.world().registrations.credentials()).get(found.address)
    if login is None:
        raise errors.invalid(f"Registry '{found.name}' was registered without user and password.")
    passwords = [{"name": name, "value": login.password} for name in ("password", "password2")]
    return reply({"username": login.username, "passwords": passwords})


@bp.function_name("registry_usages")
@bp.route(route=f"{REGISTRY}/listUsages", methods=["GET"])
@answering(Role.READER)
async def registry_usages(req: func.HttpRequest) -> func.HttpResponse:
    """Nothing is metered."""
    await registration(req)
    return reply({"value": []})


@bp.function_name("registry_name")
@bp.route(route=f"{SUBSCRIPTION}/{PROVIDER}/checkNameAvailability", methods=["POST"])
@answering(Role.READER)
async def registry_name(req: func.HttpRequest) -> func.HttpResponse:
    """Whether a name is free."""
    check_subscription(req)
    given = body(req)
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str):
        raise errors.invalid("name is required: the registry's name.", "name")
    names.check_registry(name)
    if await wiring.world().registrations.get(name) is None:
        return reply({"nameAvailable": True})
    return reply({"nameAvailable": False, "reason": "AlreadyExists", "message": f"'{name}' is registered already."})


@bp.function_name("registry_upload")
@bp.route(route=f"{REGISTRY}/listBuildSourceUploadUrl", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def registry_upload(req: func.HttpRequest) -> func.HttpResponse:
    """A link to upload a source to, and the path under which a run request names it."""
    await scope(req)
    name = f"tasks-source/{now()[:10].replace('-', '')}/{guid()}.tar.gz"
    return reply({"uploadUrl": await upload_link(req, name), "relativePath": name})


def shown(found: Registration) -> dict[str, Any]:
    """The registry resource."""
    return registrations.show(found, _scope(found))


def _scope(found: Registration) -> Scope:
    return Scope(wiring.settings().subscription, found.group, found.name)
