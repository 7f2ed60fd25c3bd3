"""HTTP: where and how clients log in, and the subscription they then choose."""

from typing import Any

import azure.functions as func

from baselift import wiring
from baselift.access import documents
from baselift.access.caller import Role
from baselift.access.settings import Mode
from baselift.access.token_endpoint import no_device_code
from baselift.access.urls import base_url
from baselift.arm import errors, registries
from functions.edge import SUBSCRIPTION, answering, public, reply

METADATA = "metadata/endpoints"
DISCOVERY = "adfs/.well-known/openid-configuration"
TOKEN = "adfs/oauth2/token"  # noqa: S105  # a route
DEVICE = "adfs/oauth2/devicecode"
NAME = "Baselift"

UNKEPT = {"Cache-Control": "no-store"}
"""Nobody between us and the client may keep a token."""

bp = func.Blueprint()


@bp.function_name("login_metadata")
@bp.route(route=METADATA, methods=["GET"])
@answering(None)
async def login_metadata(req: func.HttpRequest) -> func.HttpResponse:
    """What `az cloud register` reads."""
    return reply(documents.cloud(wiring.access().settings, base(req, METADATA)))


@bp.function_name("login_discovery")
@bp.route(route=DISCOVERY, methods=["GET"])
@answering(None)
async def login_discovery(req: func.HttpRequest) -> func.HttpResponse:
    """What `az login` reads."""
    check_own_login()
    return reply(documents.issuer(base(req, DISCOVERY)))


@bp.function_name("login_token")
@bp.route(route=TOKEN, methods=["POST"])
@answering(None)
async def login_token(req: func.HttpRequest) -> func.HttpResponse:
    """A token for a client id and its secret."""
    answer = await wiring.access().log_in(req.headers.get("content-type", ""), req.get_body())
    if answer is None:
        raise elsewhere()
    return reply(answer.body, answer.status, UNKEPT | dict(answer.headers))


@bp.function_name("login_device")
@bp.route(route=DEVICE, methods=["POST"])
@answering(None)
async def login_device(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    """No login by device code: people use Entra for that."""
    check_own_login()
    answer = no_device_code()
    return reply(answer.body, answer.status, UNKEPT | dict(answer.headers))


@bp.function_name("subscriptions_list")
@bp.route(route="subscriptions", methods=["GET"])
@answering(Role.READER)
async def subscriptions_list(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    """The one subscription."""
    return reply({"value": [subscription()]})


@bp.function_name("subscription_get")
@bp.route(route=SUBSCRIPTION, methods=["GET"])
@answering(Role.READER)
async def subscription_get(req: func.HttpRequest) -> func.HttpResponse:
    """The subscription, by its id in any case."""
    given = req.route_params["subscription"]
    if given.lower() != wiring.settings().subscription.lower():
        raise errors.not_found("subscription", given)
    return reply(subscription())


@bp.function_name("tenants_list")
@bp.route(route="tenants", methods=["GET"])
@answering(Role.READER)
async def tenants_list(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001
    """The one tenant."""
    return reply({"value": [registries.tenant(wiring.access().settings.tenant)]})


def subscription() -> dict[str, Any]:
    """The subscription resource of this app."""
    return registries.subscription(wiring.settings().subscription, NAME, wiring.access().settings.tenant)


def base(req: func.HttpRequest, route: str) -> str:
    """The address of the app as the client of this request knows it."""
    return base_url(public(req), route)


def check_own_login() -> None:
    """Raise ApiError 404 in mode `entra`."""
    if wiring.access().settings.mode is Mode.ENTRA:
        raise elsewhere()


def elsewhere() -> errors.ApiError:
    """404 for our own login while tokens come from Entra."""
    return errors.ApiError(404, "ResourceNotFound", "Tokens come from Microsoft Entra here: see metadata/endpoints.")
