"""An image was pushed: Event Grid, and the registries' own webhooks."""

import hmac
import json
import logging

import azure.functions as func

from baselift import wiring
from baselift.app.on_push import on_push
from baselift.arm import errors
from baselift.domain import pushes
from functions.edge import answering, reply

LARGEST = 1024 * 1024

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.function_name("image_pushed")
@bp.event_grid_trigger(arg_name="event")
async def image_pushed(event: func.EventGridEvent) -> None:
    """Event Grid: look at the tag that was pushed. A CloudEvent arrives here too, as its own type."""
    data = event.get_json()
    if isinstance(event, func.CloudEvent):
        await _look("cloudevents", json.dumps({"type": event.type, "data": data}).encode())
    else:
        await _look("eventgrid", json.dumps({"eventType": event.event_type, "data": data}).encode())


@bp.function_name("image_webhook")
@bp.route(route="webhooks/{dialect}", methods=["POST"])
@answering
async def image_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """A registry's webhook. The secret comes first; then the body is read."""
    _check_secret(req)
    content = req.get_body()
    if len(content) > LARGEST:
        raise errors.too_large(f"The event has {len(content)} bytes: the limit is {LARGEST}.")
    try:
        return reply({"runs": await _look(req.route_params["dialect"], content)})
    except pushes.InvalidPush as error:
        raise errors.invalid(str(error)) from error


async def _look(dialect: str, content: bytes) -> list[str]:
    runs = []
    for push in pushes.parse(dialect, {}, content):
        runs += [run.id for run in await on_push(wiring.world(), push.image)]
    return runs


def _check_secret(req: func.HttpRequest) -> None:
    given = req.headers.get("authorization", "")
    wanted = f"Bearer {wiring.settings().webhook_secret}"
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise errors.unauthorized("The secret is wrong: send 'Authorization: Bearer <BASELIFT_WEBHOOK_SECRET>'.")
