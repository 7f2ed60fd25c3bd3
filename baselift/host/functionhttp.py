"""An HTTP function's argument and answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from azure.functions.meta import Datum

from baselift.host.invocation import Call
from baselift.host.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baselift.host.messages import Request

_TEXT, _JSON = "text/plain; charset=utf-8", "application/json; charset=utf-8"


def call_of(request: Request, parameters: dict[str, str]) -> Call:
    """The call that a request makes."""
    value = {
        "method": Datum(request.method, "string"),
        "url": Datum(request.url, "string"),
        "headers": _texts(request.headers),
        "query": _texts(request.query),
        "params": _texts(parameters),
        "body": Datum(request.body, "bytes"),
    }
    return Call(
        Datum(value, "http"),
        "This function was programmatically called via the host APIs.",
        data={**request.query, **parameters},
        trace_parent=request.headers.get("traceparent", ""),
        trace_state=request.headers.get("tracestate", ""),
    )


def _texts(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def response_of(returned: Datum | None) -> Response:
    """The answer that a function's encoded return value means."""
    if returned is None:
        return Response(200)
    if returned.type == "http":
        return _of_response(returned.value)
    if returned.type == "bytes":
        return Response(200, returned.value, (("content-type", "application/octet-stream"),))
    return _of_text(str(returned.value))


def _of_response(value: Mapping[str, Any]) -> Response:
    headers = [(name, header.value) for name, header in value["headers"].items()]
    for jar in value["cookies"] or ():
        headers += [("set-cookie", morsel.OutputString()) for morsel in jar.values()]
    return Response(int(value["status_code"].value), value["body"].value, tuple(headers))


def _of_text(text: str) -> Response:
    """The host looks into a plain text: JSON is printed anew, and an object with a "body" is a whole answer."""
    try:
        value = json.loads(text)
    except ValueError:
        return Response(200, text.encode(), (("content-type", _TEXT),))
    if not isinstance(value, dict):
        return Response(200, text.encode(), (("content-type", _TEXT),))
    members = {name.lower(): member for name, member in value.items()}
    if "body" not in members:
        return Response(200, json.dumps(value, indent=2, ensure_ascii=False).encode(), (("content-type", _JSON),))
    body, headers = members["body"], members.get("headers") or {}
    status = members.get("statuscode", members.get("status", 200))
    plain = isinstance(body, str)
    content = body if plain else json.dumps(body, indent=2, ensure_ascii=False)
    named = {str(name).lower(): str(header) for name, header in headers.items()}
    return Response(int(status), content.encode(), tuple({"content-type": _TEXT if plain else _JSON, **named}.items()))
