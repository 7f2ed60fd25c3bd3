"""Notifications: the queue that sends them, and HTTP: the webhooks that say who is told of what."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Role
from baselift.app.notifications import change_target, targets
from baselift.app.notifications.deliver import deliver
from baselift.app.notifications.targets import Target
from baselift.app.world import NOTICES
from baselift.arm import webhooks
from baselift.domain.notifications import SECRET
from functions.edge import REGISTRY, answering, body, reply, scope

WEBHOOKS = f"{REGISTRY}/webhooks"
WEBHOOK = f"{WEBHOOKS}/{{webhook}}"

bp = func.Blueprint()


@bp.function_name("notice")
@bp.queue_trigger(arg_name="message", queue_name=NOTICES, connection="AzureWebJobsStorage")
async def notice(message: func.QueueMessage) -> None:
    """Send the event that the message names to its target, if it is time to."""
    registry, target, key = message.get_body().decode().split()
    await deliver(wiring.world(), registry, target, key)


@bp.function_name("webhooks_list")
@bp.route(route=WEBHOOKS, methods=["GET"])
@answering(Role.READER)
async def webhooks_list(req: func.HttpRequest) -> func.HttpResponse:
    """All webhooks of a registry."""
    found = await targets.every(wiring.world().tables, (await scope(req)).registry)
    return reply({"value": [_shown(target) for target in found]})


@bp.function_name("webhook_get")
@bp.route(route=WEBHOOK, methods=["GET"])
@answering(Role.READER)
async def webhook_get(req: func.HttpRequest) -> func.HttpResponse:
    """One webhook, without its secrets."""
    return reply(_shown(await change_target.get_target(wiring.world(), *await _named(req))))


@bp.function_name("webhook_put")
@bp.route(route=WEBHOOK, methods=["PUT"])
@answering(Role.CONTRIBUTOR)
async def webhook_put(req: func.HttpRequest) -> func.HttpResponse:
    """Create or replace a webhook."""
    where, name, given = await scope(req), req.route_params["webhook"], body(req)

    def change(existing: Mapping[str, Any] | None) -> dict[str, Any]:
        return webhooks.create(given, existing, scope=where, name=name, secret=_secret)

    return reply(_shown(await change_target.change_target(wiring.world(), where.registry, name, change)))


@bp.function_name("webhook_patch")
@bp.route(route=WEBHOOK, methods=["PATCH"])
@answering(Role.CONTRIBUTOR)
async def webhook_patch(req: func.HttpRequest) -> func.HttpResponse:
    """Change parts of a webhook."""
    where, name, given = await scope(req), req.route_params["webhook"], body(req)

    def change(existing: Mapping[str, Any] | None) -> dict[str, Any]:
        return webhooks.merge(existing, given, scope=where, name=name)

    return reply(_shown(await change_target.change_target(wiring.world(), where.registry, name, change)))


@bp.function_name("webhook_delete")
@bp.route(route=WEBHOOK, methods=["DELETE"])
@answering(Role.CONTRIBUTOR)
async def webhook_delete(req: func.HttpRequest) -> func.HttpResponse:
    """Delete a webhook; what was still to be sent to it is not."""
    deleted = await change_target.delete_target(wiring.world(), *await _named(req))
    return func.HttpResponse(status_code=200 if deleted else 204)


@bp.function_name("webhook_ping")
@bp.route(route=f"{WEBHOOK}/ping", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def webhook_ping(req: func.HttpRequest) -> func.HttpResponse:
    """Send a webhook an event that says nothing."""
    return reply({"id": await change_target.ping(wiring.world(), *await _named(req))})


@bp.function_name("webhook_config")
@bp.route(route=f"{WEBHOOK}/getCallbackConfig", methods=["POST"])
@answering(Role.CONTRIBUTOR)
async def webhook_config(req: func.HttpRequest) -> func.HttpResponse:
    """A webhook's address, headers and secret."""
    return reply(webhooks.config(await change_target.callback(wiring.world(), *await _named(req))))


@bp.function_name("webhook_events")
@bp.route(route=f"{WEBHOOK}/listEvents", methods=["POST"])
@answering(Role.READER)
async def webhook_events(req: func.HttpRequest) -> func.HttpResponse:
    """What was sent to a webhook lately, and what came of it."""
    world, named = wiring.world(), await _named(req)
    callback = await change_target.callback(world, *named)
    found = await change_target.sent(world, *named)
    return reply({"value": [webhooks.event(each, callback) for each in found]})


async def _named(req: func.HttpRequest) -> tuple[str, str]:
    """Registry and name of the webhook."""
    return (await scope(req)).registry, req.route_params["webhook"]


def _shown(target: Target) -> dict[str, Any]:
    return webhooks.show(target, target.callback(wiring.world().unseal))


def _secret() -> str:
    """A new secret that signs."""
    return SECRET + base64.b64encode(secrets.token_bytes(32)).decode()
