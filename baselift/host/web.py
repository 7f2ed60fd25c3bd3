"""The ASGI application: HTTP functions in the host's order, the Event Grid webhook, and /admin."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baselift.host import messages
from baselift.host.access import Level, required_level
from baselift.host.errors import FunctionError
from baselift.host.functionhttp import call_of, response_of
from baselift.host.keystore import KeysUnavailableError
from baselift.host.messages import Response
from baselift.host.routes import Route, compile_route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from baselift.host.access import Access
    from baselift.host.invocation import Invoker
    from baselift.host.messages import Request
    from baselift.host.model import Function

    Handler = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger(__name__)
_RESERVED = ("admin", "runtime")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP function under its route; no methods means every method."""

    function: Function
    route: Route
    methods: frozenset[str]
    level: Level

    def clashes(self, other: Endpoint) -> bool:
        same = self.route.template.lower() == other.route.template.lower()
        return same and (not self.methods or not other.methods or bool(self.methods & other.methods))


def endpoint(function: Function, prefix: str, others: Iterable[Endpoint]) -> Endpoint:
    """The endpoint of an HTTP function.

    Raises:
        FunctionError: its route is reserved, not understood, or taken by one of `others`.
    """
    properties = function.trigger.properties
    template = str(properties.get("route") or function.name)
    if template.strip("/").lower().startswith(_RESERVED):
        raise FunctionError(f"route {template!r} is reserved: no route may begin with 'admin' or 'runtime'")
    if template.startswith("/"):
        raise FunctionError(f"route {template!r} must not begin with '/'")
    methods = frozenset(str(method).upper() for method in properties.get("methods") or ())
    route = compile_route(f"{prefix}/{template}")
    found = Endpoint(function, route, methods, required_level(properties.get("authLevel")))
    taken = next((other for other in others if found.clashes(other)), None)
    if taken is not None:
        raise FunctionError(f"route {template!r} with the same methods belongs to function {taken.function.name!r}")
    return found


class WebApp:
    """Answers every request of the host. Endpoints are tried in the order they are given; the first match wins."""

    def __init__(
        self,
        endpoints: list[Endpoint],
        system: dict[str, Handler],
        admin: Handler,
        invoker: Invoker,
        access: Access,
        *,
        body_limit: int,
        homepage: bool,
    ) -> None:
        self._endpoints = endpoints
        self._system = system
        self._admin = admin
        self._invoker = invoker
        self._access = access
        self._body_limit = body_limit
        self._homepage = homepage

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"a {scope['type']} connection is not served")
        try:
            request = await messages.read_request(scope, receive, self._body_limit)
            response = await self._answer(request)
        except messages.BodyTooLargeError:
            response = Response(413)
        except KeysUnavailableError as error:
            _log.error("Answering %s %s failed: %s", scope["method"], scope["path"], error)
            response = Response(503)
        except Exception:  # noqa: BLE001 - no request may take the server down
            _log.exception("Answering %s %s failed", scope["method"], scope["path"])
            response = Response(500)
        await messages.send_response(send, response, head=scope["method"] == "HEAD")

    async def _answer(self, request: Request) -> Response:
        path = request.path.lower()
        handler = self._system.get(path) or (self._admin if path.startswith("admin/") else None)
        if handler is not None:
            return await handler(request)
        for found in self._endpoints:
            if found.methods and request.method not in found.methods:
                continue
            parameters = found.route.match(request.path)
            if parameters is not None:
                return await self._call(found, request, parameters)
        if request.path == "" and request.method == "GET":
            return _home() if self._homepage else Response(204)
        return Response(404)

    async def _call(self, found: Endpoint, request: Request, parameters: dict[str, str]) -> Response:
        if found.function.disabled or found.level is not Level.ANONYMOUS:
            grant = await self._access(request, found.function.name)
            if not grant.allows(found.level):
                return Response(401)
            if found.function.disabled and not grant.is_master:
                return Response(404)
        try:
            returned = await self._invoker.invoke(found.function, call_of(request, parameters))
        except Exception:  # noqa: BLE001 - the invoker has logged it, and the caller learns nothing of it
            return Response(500)
        return response_of(returned)


def _home() -> Response:
    page = "<!doctype html><title>Functions host</title><p>Your function app is up and running."
    return messages.text_response(200, page, "text/html; charset=utf-8")
