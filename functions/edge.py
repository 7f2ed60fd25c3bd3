"""What all HTTP functions share: scope, body, answers, and errors as the API prints them."""

import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import azure.functions as func

from baselift import wiring
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

log = logging.getLogger(__name__)


def answering(handler: Handler) -> Handler:
    """Turn what a use case raises into the API's error answers: always JSON, never a traceback."""

    @wraps(handler)
    async def answer(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return await handler(req)
        except ApiError as error:
            return reply(error.body(), error.status)
        except NotFound as error:
            return failed(404, "ResourceNotFound", str(error))
        except Refused as error:
            return failed(409, "Conflict", str(error))
        except Failure as error:
            return failed(503, "ServiceUnavailable", str(error))
        except Exception:
            log.exception("%s failed", handler.__name__)
            return failed(500, "InternalServerError", "The request could not be carried out; the app's log says why.")

    return answer


def reply(body: Any, status: int = 200) -> func.HttpResponse:
    """A JSON answer."""
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/json", charset="utf-8")


def failed(status: int, code: str, message: str) -> func.HttpResponse:
    """An error answer."""
    return reply(ApiError(status, code, message).body(), status)


def body(req: func.HttpRequest) -> Any:
    """The request's JSON. Raises ApiError 400."""
    try:
        return json.loads(req.get_body())
    except (ValueError, RecursionError) as error:
        raise errors.invalid(f"The request body is not JSON: {error}") from error


def scope(req: func.HttpRequest) -> Scope:
    """The registry that a request is about, as it is spelled in the settings. Raises ApiError 404."""
    given, ours = req.route_params, own_scope()
    if given["subscription"].lower() != ours.subscription.lower():
        raise errors.not_found("subscription", given["subscription"])
    if given["resourceGroup"].lower() != ours.resource_group.lower():
        raise errors.group_not_found(given["resourceGroup"])
    if given["registry"].lower() != ours.registry.lower():
        raise errors.not_found("registry", given["registry"], within=f"resource group '{ours.resource_group}'")
    return ours


def own_scope() -> Scope:
    """The registry of this app."""
    settings = wiring.settings()
    return Scope(settings.subscription, settings.resource_group, settings.registry_name)


def now() -> str:
    """The time, RFC 3339."""
    return datetime.now(UTC).isoformat()


def guid() -> str:
    """A new GUID."""
    return str(uuid.uuid4())
