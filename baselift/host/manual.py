"""The call that an administrator makes by hand, from the text that stands for the trigger's value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from azure.storage.queue import QueueMessage

from baselift.host.eventgrid import event_call
from baselift.host.functionhttp import call_of
from baselift.host.messages import Request
from baselift.host.queues import queue_call
from baselift.host.timers import timer_call

if TYPE_CHECKING:
    from baselift.host.invocation import Call
    from baselift.host.model import Function

_REASON = "This function was programmatically called via the host APIs."


def manual_call(function: Function, text: str, url: str) -> Call:
    """The call for `POST /admin/functions/NAME`: a queue message, an event in JSON, or the body of a request.

    A timer's text is ignored. `url` is the request's own.

    Raises:
        ValueError: the text does not suit the trigger.
    """
    match function.trigger.type:
        case "queueTrigger":
            return queue_call(function, QueueMessage(content=text), base64_encoded=False)
        case "eventGridTrigger":
            return event_call(_event(text))
        case "timerTrigger":
            return timer_call(None, _REASON, past_due=False)
    return call_of(Request("POST", "", url, {}, {}, text.encode()), {})


def _event(text: str) -> dict[str, object]:
    try:
        event = json.loads(text)
    except ValueError as error:
        raise ValueError(f"input is not an event in JSON: {error}") from None
    if not isinstance(event, dict):
        raise ValueError(f"input is a {type(event).__name__}; it must be one event, a JSON object")  # noqa: TRY004  # as wrong as bad JSON
    return event
