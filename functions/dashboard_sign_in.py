"""HTTP: how people get into the dashboard by Microsoft Entra: off to the sign-in service, and back from it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Denied
from baselift.arm import errors
from baselift.web import session
from functions.dashboard_edge import SIGN_IN, SIGNED_IN, Visit, go, showing, sign_in_page
from functions.dashboard_login import inside

if TYPE_CHECKING:
    from baselift.access.provider import ProviderRefused
    from baselift.access.sign_in import Flow, SignIn

_LONGEST_PATH = 1024
"""Of a page to come back to: a cookie has 4,096 bytes at most."""
_LONGEST_WORDS = 600
_FOREIGN = "This is no answer to the sign-in that this browser began last. That one may go on; or begin again here."
_UNKNOWN = "This browser began no sign-in within the last ten minutes, or has come back from it already. Begin again."

bp = func.Blueprint()


@bp.function_name("ui_sign_in")
@bp.route(route=SIGN_IN, methods=["GET"])
@showing(None)
async def ui_sign_in(visit: Visit) -> func.HttpResponse:
    """Go to the sign-in service.

    A link and not a form: the pages' policy lets forms lead nowhere else, redirects included.
    """
    after = inside(visit, visit.req.params.get("after", ""))
    begun = await _sign_in().begin(after if len(after) <= _LONGEST_PATH else visit.path())
    return go(begun.url, _cookie(visit, begun.cookie))


@bp.function_name("ui_signed_in")
@bp.route(route=SIGNED_IN, methods=["GET"])
@showing(None)
async def ui_signed_in(visit: Visit) -> func.HttpResponse:
    """Come back from the sign-in service, with a code for a session or with an error."""
    from baselift.access.sign_in import NoSuchFlow  # noqa: PLC0415  # indexing must not load MSAL

    given = visit.req.params
    cookies = session.read(visit.req.headers.get("cookie"))
    cookie = cookies.get(session.name(session.FLOW, secure=visit.secure), "")
    try:
        flow = _sign_in().flow(cookie, given.get("state", ""))
    except NoSuchFlow as unknown:
        return await sign_in_page(visit, visit.path(), status=400, problem=_FOREIGN if unknown.other else _UNKNOWN)
    answer = await _finished(visit, flow, given)
    answer.headers.add("Set-Cookie", _cookie(visit, ""))
    return answer


async def _finished(visit: Visit, flow: "Flow", given: Mapping[str, str]) -> func.HttpResponse:
    from baselift.access.provider import ProviderRefused  # noqa: PLC0415

    try:
        token = await _sign_in().finish(flow, given)
    except ProviderRefused as no:
        problem = "The sign-in service let nobody in. It says:"
        return await sign_in_page(visit, flow.after, status=403, problem=problem, said=_quoted(no))
    except Denied as no:
        return await sign_in_page(visit, flow.after, status=no.status, problem=no.message)
    seconds = _sign_in().seconds
    return go(flow.after, session.written(session.SESSION, token, secure=visit.secure, seconds=seconds))


def _quoted(no: "ProviderRefused") -> str:
    """Words of others, without what would break, turn or hide the text around them."""
    words = f"{no.error}: {no.description}"[:_LONGEST_WORDS]
    return "".join(each if each.isprintable() else " " for each in words)


def _cookie(visit: Visit, value: str) -> str:
    from baselift.access.sign_in import FLOW_SECONDS  # noqa: PLC0415

    return session.written(session.FLOW, value, secure=visit.secure, seconds=FLOW_SECONDS if value else 0)


def _sign_in() -> "SignIn":
    """Raise ApiError 404 where nobody signs in so."""
    found = wiring.access().sign_in
    if found is None:
        raise errors.ApiError(404, "ResourceNotFound", "Nobody signs in with Microsoft here.")
    return found
