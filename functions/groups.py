"""HTTP: resource groups, as far as the Azure CLI needs them around registries.

A group is there while a registry is registered in it. Deleting one forgets what Baselift holds for its registries.
"""

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.registrations import Registration
from baselift.app.remove_registry import remove_registry
from baselift.arm import errors, registries
from baselift.arm.names import Scope
from functions.edge import GROUP, SUBSCRIPTION, answering, check_subscription, reply

bp = func.Blueprint()


@bp.function_name("groups_list")
@bp.route(route=f"{SUBSCRIPTION}/resourceGroups", methods=["GET"])
@answering(Role.READER)
async def groups_list(req: func.HttpRequest) -> func.HttpResponse:
    """All resource groups."""
    check_subscription(req)
    found = {each.group.lower(): each for each in await wiring.world().registrations.all()}
    return reply({"value": [registries.resource_group(_scope(each)) for each in found.values()]})


@bp.function_name("group_get")
@bp.route(route=GROUP, methods=["GET"])
@answering(Role.READER)
async def group_get(req: func.HttpRequest) -> func.HttpResponse:
    """One resource group."""
    found = await _members(req)
    return reply(registries.resource_group(_scope(found[0]), location=found[0].location))


@bp.function_name("group_exists")
@bp.route(route=GROUP, methods=["HEAD"])
@answering(Role.READER)
async def group_exists(req: func.HttpRequest) -> func.HttpResponse:
    """204 when the group is there, 404 when it is not."""
    await _members(req)
    return func.HttpResponse(status_code=204)


@bp.function_name("group_put")
@bp.route(route=GROUP, methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def group_put(req: func.HttpRequest) -> func.HttpResponse:
    """A group comes into being with its first registry: putting one that is there changes nothing."""
    found = await _members(req)
    return reply(registries.resource_group(_scope(found[0]), location=found[0].location))


@bp.function_name("group_delete")
@bp.route(route=GROUP, methods=["DELETE"])
@answering(Role.CONTRIBUTOR)
async def group_delete(req: func.HttpRequest) -> func.HttpResponse:
    """Forget the group's registries and their tasks; no image and no registry is touched."""
    world, found = wiring.world(), await _members(req)
    kept = [each.name for each in found if world.registrations.seeded(each.name)]
    if kept:
        names = ", ".join(kept)
        raise errors.conflict(f"Group '{found[0].group}' holds the registry of the settings ({names}): it stays.")
    for each in found:
        await remove_registry(world, each.name)
    return func.HttpResponse(status_code=200)


async def _members(req: func.HttpRequest) -> list[Registration]:
    check_subscription(req)
    group = req.route_params["resourceGroup"]
    found = [each for each in await wiring.world().registrations.all() if each.group.lower() == group.lower()]
    if not found:
        raise errors.group_not_found(group)
    return found


def _scope(found: Registration) -> Scope:
    return Scope(wiring.settings().subscription, found.group, found.name)
