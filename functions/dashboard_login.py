"""HTTP: how people get into the dashboard and out of it, and its static files."""

import math
from urllib.parse import urlencode, urlsplit

import azure.functions as func

from baselift import wiring
from baselift.access.settings import Mode
from baselift.arm import errors
from baselift.web import session
from functions.dashboard_edge import HEADERS, LOGIN, LOGOUT, UI, Visit, acting, fields, go, login_page, showing, way_in

_FOR_EVER = "public, max-age=31536000, immutable"
_FORM = "application/x-www-form-urlencoded"

bp = func.Blueprint()


@bp.function_name("ui_login")
@bp.route(route=LOGIN, methods=["GET"])
@showing(None)
async def ui_login(visit: Visit) -> func.HttpResponse:
    """The way in, be it a form or a link."""
    page = way_in()
    if page is None:
        raise _nothing()
    return await page(visit, visit.path(), status=200)


@bp.function_name("ui_act_login")
@bp.route(route=LOGIN, methods=["POST"])
@acting(None)
async def ui_act_login(visit: Visit) -> func.HttpResponse:
    """Log in as a client: its id and secret, as for a token of the API, for a session of this browser."""
    _check_clients()
    given = fields(visit)
    after, client = inside(visit, given.get("after", "")), given.get("client", "")
    asked = {"grant_type": "client_credentials", "client_id": client, "client_secret": given.get("secret", "")}
    answer = await wiring.access().log_in(_FORM, urlencode(asked).encode())
    if answer is None or answer.status != 200:  # noqa: PLR2004
        problem = str(answer.body.get("error_description", "")) if answer else ""
        return await login_page(visit, after, status=answer.status if answer else 404, problem=problem, client=client)
    seconds = math.floor(float(answer.body["expires_in"]))
    token = str(answer.body["access_token"])
    return go(after, session.written(session.SESSION, token, secure=visit.secure, seconds=seconds))


@bp.function_name("ui_act_logout")
@bp.route(route=LOGOUT, methods=["POST"])
@acting(None)
async def ui_act_logout(visit: Visit) -> func.HttpResponse:
    """Forget the session in this browser."""
    return go(visit.path("-", "login"), session.written(session.SESSION, "", secure=visit.secure, seconds=0))


@bp.function_name("ui_static")
@bp.route(route=f"{UI}/-/static/{{file}}", methods=["GET"])
@showing(None)
async def ui_static(visit: Visit) -> func.HttpResponse:
    """Style and script of the pages."""
    from baselift.web import render  # noqa: PLC0415  # indexing must not load the templates

    found = render.asset(visit.req.route_params["file"])
    if found is None:
        raise errors.not_found("file", visit.req.route_params["file"])
    keep = visit.req.params.get("v") == found.version
    headers = HEADERS | {"Cache-Control": _FOR_EVER if keep else "no-cache"}
    return func.HttpResponse(found.body, headers=headers, mimetype=found.type, charset="utf-8")


def _check_clients() -> None:
    """Raise ApiError 404 where people do not log in by a form."""
    if wiring.access().settings.mode is not Mode.CLIENTS:
        raise _nothing()


def _nothing() -> errors.ApiError:
    return errors.ApiError(404, "ResourceNotFound", "There is no form to log in with here.")


def inside(visit: Visit, path: str) -> str:
    """Where to go after the login: a page of the dashboard, whatever was asked for."""
    parts, home = urlsplit(path), visit.path()
    ours = parts.path == home or parts.path.startswith(f"{home}/")
    plain = path.isprintable() and path.isascii() and "\\" not in path
    return path if ours and plain and not parts.scheme and not parts.netloc and "//" not in path else home
