"""What all HTTP functions share: scope, body, answers, and errors as the API prints them."""

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Denied, Incoming, Role
from baselift.access.urls import public_url
from baselift.app.registrations import Registration
from baselift.app.world import NotFound, Refused
from baselift.arm import errors
from baselift.arm.errors import ApiError
from baselift.arm.names import Scope
from baselift.domain.builds import Failure

SUBSCRIPTION = "subscriptions/{subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{{resourceGroup}}"
PROVIDER = "providers/Microsoft.ContainerRegistry"
REGISTRY = f"{GROUP}/{PROVIDER}/registries/{{registry}}"

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

_caller: ContextVar[str] = ContextVar("caller", default="")

log = logging.getLogger(__name__)


def answering(needs: Role | None) -> Callable[[Handler], Handler]:
    """Let callers of a role in, and turn what a use case raises into the API's error answers.

    `None` marks a route that is open to all who can reach the app. Answers are always JSON, never a traceback.
    """

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def answer(req: func.HttpRequest) -> func.HttpResponse:
            try:
                await _admit(req, needs)
                return await handler(req)
            except Exception as error:  # noqa: BLE001  # the last resort: whatever it is, the client gets JSON
                return _refusal(handler.__name__, error)

        return answer

    return decorate


async def _admit(req: func.HttpRequest, needs: Role | None) -> None:
    access, incoming = wiring.access(), Incoming(req.method, req.url, req.headers)
    if needs is None:
        access.admit(incoming)
    else:
        _caller.set((await access.check(incoming, needs)).name)


def caller() -> str:
    """Name of who makes the request that is answered; empty on routes that are open."""
    return _caller.get()


def _refusal(name: str, error: Exception) -> func.HttpResponse:
    if isinstance(error, ApiError):
        # RFC 9110, 15.5.2: a 401 says by which scheme one may show who one is.
        return reply(error.body(), error.status, {"WWW-Authenticate": "Bearer"} if error.status == 401 else None)  # noqa: PLR2004
    if isinstance(error, Denied):
        return reply(error.body(), error.status, {"Cache-Control": "no-store", **error.headers()})
    for kind, status, code in _ANSWERS:
        if isinstance(error, kind):
            return failed(status, code, str(error))
    if wiring.is_outage(error):
        log.error("%s failed: the storage does not answer: %s", name, error)
        return failed(503, "ServiceUnavailable", "The storage does not answer; the app's log says why.")
    log.error("%s failed", name, exc_info=error)
    return failed(500, "InternalServerError", "The request could not be carried out; the app's log says why.")


_ANSWERS: tuple[tuple[type[Exception], int, str], ...] = (
    (NotFound, 404, "ResourceNotFound"),
    (Refused, 409, "Conflict"),
    (Failure, 503, "ServiceUnavailable"),
)


def reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A JSON answer."""
    return func.HttpResponse(
        json.dumps(body), status_code=status, headers=headers, mimetype="application/json", charset="utf-8"
    )


def failed(status: int, code: str, message: str) -> func.HttpResponse:
    """An error answer."""
    return reply(ApiError(status, code, message).body(), status)


def body(req: func.HttpRequest) -> Any:
    """The request's JSON. Raises ApiError 400."""
    try:
        return json.loads(req.get_body())
    except (ValueError, RecursionError) as error:
        raise errors.invalid(f"The request body is not JSON: {error}") from error


async def scope(req: func.HttpRequest) -> Scope:
    """The registry that a request is about, as it was registered. Raises ApiError 404."""
    found = await registration(req)
    return Scope(wiring.settings().subscription, found.group, found.name)


async def registration(req: func.HttpRequest) -> Registration:
    """The registration that a request is about. Raises ApiError 404."""
    group, name = req.route_params["resourceGroup"], req.route_params["registry"]
    check_subscription(req)
    found = await wiring.world().registrations.get(name)
    if found is None or found.group.lower() != group.lower():
        raise errors.not_found("registry", name, within=f"resource group '{group}'")
    return found


def check_subscription(req: func.HttpRequest) -> None:
    """Refuse another subscription than the app's. Raises ApiError 404."""
    given = req.route_params["subscription"]
    if given.lower() != wiring.settings().subscription.lower():
        raise errors.not_found("subscription", given)


def public(req: func.HttpRequest) -> str:
    """The request's URL as the client knows it, also behind a proxy that the settings trust."""
    return public_url(req.url, req.headers, wiring.access().settings.trust_proxy)


def root(req: func.HttpRequest) -> str:
    """The app's address as the client knows it, from a request of the API or a page: what precedes every route."""
    base = public(req).partition("?")[0]
    return base[: min(at for first in ("/subscriptions/", "/ui/") if (at := base.lower().find(first)) >= 0)]


def now() -> str:
    """The time, RFC 3339."""
    return datetime.now(UTC).isoformat()


def guid() -> str:
    """A new GUID."""
    return str(uuid.uuid4())
