"""The paths under /admin: the host's state, its functions, its keys, and draining it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baselift.host import functioninfo
from baselift.host.access import Level
from baselift.host.keyapi import KeyApi, function_place, host_place
from baselift.host.manual import manual_call
from baselift.host.messages import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from baselift.host.access import Access
    from baselift.host.drain import Drain
    from baselift.host.invocation import Invoker
    from baselift.host.keystore import KeyStore
    from baselift.host.messages import Request
    from baselift.host.model import Function


@dataclass(frozen=True, slots=True)
class Known:
    """What the host knows: its functions, the routes of those with HTTP, why others do not run, its own state."""

    functions: Mapping[str, Function]
    routes: Mapping[str, str]
    errors: Mapping[str, str]
    state: Callable[[], dict[str, Any]]


class Admin:
    """Answers whatever is under /admin, for administrators; `ping` for all."""

    def __init__(self, access: Access, known: Known, invoker: Invoker, drain: Drain, keys: KeyStore) -> None:
        self._access = access
        self._known = known
        self._invoker = invoker
        self._drain = drain
        self._keys = KeyApi(keys)
        self._calls: set[asyncio.Task[Any]] = set()

    @property
    def calls(self) -> set[asyncio.Task[Any]]:
        """The calls made by hand that still run."""
        return set(self._calls)

    async def __call__(self, request: Request) -> Response:
        parts = request.path.split("/")[1:]
        lowered = [part.lower() for part in parts]
        if lowered == ["host", "ping"]:
            return Response(200 if request.method in {"GET", "POST"} else 404)
        grant = await self._access(request)
        if grant.level is not Level.ADMIN:
            return Response(401 if grant.level is Level.ANONYMOUS else 403)
        match lowered:
            case ["host", *rest]:
                return await self._host(request, rest, parts)
            case ["functions"] if request.method == "GET":
                listed = [self._described(request, name) for name in self._known.functions]
                return json_response(200, listed)
            case ["functions", name, *rest]:
                return await self._function(request, name, rest, parts)
        return Response(404)

    async def _host(self, request: Request, rest: list[str], parts: list[str]) -> Response:
        match request.method, rest:
            case "GET", ["status"]:
                return json_response(200, self._known.state())
            case "GET", ["drain", "status"]:
                return json_response(200, self._drain.status())
            case "POST", ["drain"]:
                self._drain.begin()
                return Response(202)
            case "POST", ["resume"]:
                self._drain.end()
                return json_response(200, {"state": self._known.state()["state"]})
            case _, ["keys" | "functionkeys" | "systemkeys" as scope]:
                return await self._keys.all(request, host_place(scope))
            case _, ["keys" | "functionkeys" | "systemkeys" as scope, _]:
                return await self._keys.one(request, host_place(scope), parts[-1])
        return Response(404)

    async def _function(self, request: Request, name: str, rest: list[str], parts: list[str]) -> Response:
        function = self._find(name)
        if rest == ["status"] and request.method == "GET":
            return self._status(name)
        if function is None:
            return Response(404)
        match request.method, rest:
            case "GET", []:
                return json_response(200, self._described(request, function.name))
            case "POST", []:
                return self._start(function, request)
            case _, ["keys"]:
                return await self._keys.all(request, function_place(function.name))
            case _, ["keys", _]:
                return await self._keys.one(request, function_place(function.name), parts[-1])
        return Response(404)

    def _find(self, name: str) -> Function | None:
        return next((found for key, found in self._known.functions.items() if key.lower() == name), None)

    def _described(self, request: Request, name: str) -> dict[str, Any]:
        base = request.url.partition("/admin")[0]
        return functioninfo.described(self._known.functions[name], base, self._known.routes.get(name))

    def _status(self, name: str) -> Response:
        error = next((text for key, text in self._known.errors.items() if key.lower() == name), None)
        if error is None and self._find(name) is None:
            return Response(404)
        return json_response(200, {} if error is None else {"errors": [error]})

    def _start(self, function: Function, request: Request) -> Response:
        """Run a function in the background, a disabled one too."""
        try:
            call = manual_call(function, _input(request.body), request.url)
        except ValueError as error:
            return json_response(400, {"message": str(error)})
        task = asyncio.create_task(_quiet(self._invoker.invoke(function, call)))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return Response(202)


async def _quiet(call: Awaitable[Any]) -> None:
    # The invoker has logged what failed, and nobody waits for the outcome.
    with contextlib.suppress(Exception):
        await call


def _input(body: bytes) -> str:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from None
    given = value.get("input", "") if isinstance(value, dict) else None
    if not isinstance(given, str):
        raise ValueError('the body must be {"input": "…"} with the trigger\'s value as a text')  # noqa: TRY004  # as wrong as bad JSON
    return given
