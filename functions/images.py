"""An image was pushed: Event Grid, and the registries' own webhooks."""

import asyncio
import json
import logging
from collections.abc import Mapping

import azure.functions as func

from baselift import wiring
from baselift.app import reasons
from baselift.app.hearing import hear
from baselift.arm import errors
from baselift.domain import pushes, senders
from functions.edge import answering, reply

LARGEST = 1024 * 1024
REPEATS = "distribution"
"""The CNCF registry repeats what is refused until it is taken, and holds all later events back."""
SAID = 5
"""Of this many events that cannot be read the reason is said; the rest are counted."""

bp = func.Blueprint()
log = logging.getLogger(__name__)


@bp.function_name("image_pushed")
@bp.event_grid_trigger(arg_name="event")
async def image_pushed(event: func.EventGridEvent, context: func.Context) -> None:
    """Event Grid: look at the tag that was pushed. A CloudEvent arrives here too, as its own type."""
    if isinstance(event, func.CloudEvent):
        dialect, kind = "cloudevents", {"type": event.type}
    else:
        dialect, kind = "eventgrid", {"eventType": event.event_type}
    content = json.dumps(kind | {"data": event.get_json()}).encode()
    try:
        with wiring.world().telemetry.within(context.trace_context.trace_parent or ""):
            await _hear("event", dialect, {}, content)
    except pushes.InvalidPush as error:
        # Sent again it would be no better: an error would only have Event Grid repeat it for a day.
        log.warning("event %s is left aside: %s", event.id, error)


@bp.function_name("image_webhook")
@bp.route(route="webhooks/{dialect}", methods=["POST", "OPTIONS"])
@answering(None)
async def image_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """A registry's webhook. Size and sender come first; then the body is read."""
    if req.method == "OPTIONS":
        return _permission(req)
    dialect, content = req.route_params["dialect"], req.get_body()
    if len(content) > LARGEST:
        raise errors.too_large(f"The event has {len(content)} bytes: the limit is {LARGEST}.")
    if not senders.verify(dialect, req.headers, content, wiring.settings().webhook_secret, req.params):
        raise errors.unauthorized(f"The sender of this '{dialect}' event did not show BASELIFT_WEBHOOK_SECRET.")
    try:
        if code := pushes.validation_code(dialect, req.headers, content):
            return reply({"validationResponse": code})
        with wiring.world().telemetry.within(req.headers.get("traceparent", "")):
            answer = await _hear("webhook", dialect, req.headers, content)
            return reply(answer, 202 if "later" in answer else 200)
    except pushes.InvalidPush as error:
        raise errors.invalid(str(error)) from error


def _permission(req: func.HttpRequest) -> func.HttpResponse:
    """The handshake of CloudEvents' HTTP webhooks, section 4: anybody may send, each event shows the secret."""
    if "webhook-request-origin" not in req.headers:
        raise errors.invalid("OPTIONS needs the header WebHook-Request-Origin: it asks for leave to send events.")
    return reply({}, headers={"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*", "Allow": "POST"})


async def _hear(teller: str, dialect: str, headers: Mapping[str, str], content: bytes) -> dict[str, list[str]]:
    """The runs that were asked for; if any, the images that are looked at later, and why events cannot be read."""
    read = pushes.read(dialect, headers, content)
    if read.refused and not read.pushes and dialect != REPEATS:
        raise read.refused[0]
    refused = _refused(read.refused)
    if refused:
        log.warning("of an event of '%s' this is left aside: %s", dialect, "; ".join(refused))
    told = {push.image: push.digest for push in read.pushes}
    await wiring.signs().event_came(dialect)
    with reasons.told_by(f"{teller} {dialect}"):
        heard = await asyncio.gather(*(hear(wiring.world(), image, digest) for image, digest in told.items()))
    later = [str(image) for image, runs in zip(told, heard, strict=True) if runs is None]
    answer = {"runs": [run.id for runs in heard for run in runs or ()], "later": later, "refused": refused}
    return {name: value for name, value in answer.items() if value or name == "runs"}


def _refused(found: list[pushes.InvalidPush]) -> list[str]:
    said, more = [str(error) for error in found[:SAID]], len(found) - SAID
    return [*said, f"and {more} more"] if more > 0 else said
