"""The Event Grid webhook `/runtime/webhooks/EventGrid?functionName=F`."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azure.functions.meta import Datum

from baselift.host.access import Level
from baselift.host.invocation import Call
from baselift.host.messages import Response, json_response, text_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baselift.host.access import Access
    from baselift.host.invocation import Invoker
    from baselift.host.messages import Request
    from baselift.host.model import Function

SYSTEM_KEY = "eventgrid_extension"
_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS"})
_ORIGIN = re.compile(r"([a-z0-9-]+\.)*eventgrid\.azure\.(net|us|cn|eaglex|scloud)", re.IGNORECASE)
_DEFAULT_ORIGIN = "eventgrid.azure.net"


class EventGridWebhook:
    """Hands each event of a delivery to the function it is addressed to."""

    def __init__(self, functions: Mapping[str, Function], invoker: Invoker, access: Access) -> None:
        self._functions = functions
        self._invoker = invoker
        self._access = access

    async def __call__(self, request: Request) -> Response:
        if request.method not in _METHODS:
            return Response(404)
        grant = await self._access(request)
        if not grant.allows(Level.SYSTEM):
            return Response(401 if grant.level is Level.ANONYMOUS else 403)
        if grant.level is Level.SYSTEM and grant.key != SYSTEM_KEY:
            return Response(401)
        name = next((value for key, value in request.query.items() if key.lower() == "functionname"), "")
        function = self._functions.get(name)
        if function is None or function.disabled:
            return text_response(404, f"cannot find function: '{name}'")
        if request.method == "OPTIONS":
            return _handshake(request)
        try:
            return await self._by_type(function, request)
        except ValueError as error:
            return text_response(400, str(error))

    async def _by_type(self, function: Function, request: Request) -> Response:
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return Response(202)
        if kind == "subscriptionvalidation":
            return _validated(_events(request.body))
        if kind == "notification":
            return await self._deliver(function, _events(request.body), request.headers.get("traceparent", ""))
        raise ValueError(f"header aeg-event-type is {kind!r}; it must be SubscriptionValidation or Notification")

    async def _deliver(self, function: Function, events: list[dict[str, Any]], trace_parent: str) -> Response:
        calls = [self._invoker.invoke(function, event_call(event, trace_parent)) for event in events]
        results = await asyncio.gather(*calls, return_exceptions=True)
        failed = next((result for result in results if isinstance(result, BaseException)), None)
        if isinstance(failed, asyncio.CancelledError):
            raise failed
        return Response(202) if failed is None else text_response(500, str(failed))


def _handshake(request: Request) -> Response:
    """The abuse protection of CloudEvents: says which sender may deliver here."""
    origin = request.headers.get("webhook-request-origin", "")
    allowed = origin if _ORIGIN.fullmatch(origin) else _DEFAULT_ORIGIN
    return Response(200, b"", (("webhook-allowed-origin", allowed),))


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise ValueError(f"the body is not valid JSON: {error}") from None
    events = content if isinstance(content, list) else [content]
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("the body must be an event object or an array of them")
    return events


def _validated(events: list[dict[str, Any]]) -> Response:
    data = events[0].get("data") if events else None
    try:
        data = json.loads(data) if isinstance(data, str) else data
    except ValueError:
        data = None
    code = data.get("validationCode") if isinstance(data, dict) else None
    if code is None:
        return text_response(400, "the validation event has no data.validationCode")
    return json_response(200, {"validationResponse": code})


def event_call(event: dict[str, Any], trace_parent: str = "") -> Call:
    """The call that an event makes; `trace_parent` came with its delivery."""
    return Call(
        Datum(json.dumps(event), "json"),
        f"EventGrid trigger fired at {datetime.now(UTC).isoformat()}",
        metadata={"data": Datum(json.dumps(event.get("data")), "json")},
        data=event,
        trace_parent=trace_parent,
    )
