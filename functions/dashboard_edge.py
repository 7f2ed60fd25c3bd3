"""What all functions of the dashboard share: who looks, forms that nobody else may send, pages, and errors as pages."""

import gzip
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

import azure.functions as func

from baselift import wiring
from baselift.access.caller import Caller, Denied, Incoming, Role, enough, forbidden
from baselift.access.settings import Mode
from baselift.app.registrations import Registration
from baselift.app.world import NotFound, Refused
from baselift.arm.errors import ApiError
from baselift.domain.builds import Failure
from baselift.web import platform, session
from functions.edge import public

if TYPE_CHECKING:  # templates are imported on first use: the app must be indexed quickly
    from baselift.web.csrf import Forms

UI = "ui"
LOGIN, LOGOUT = f"{UI}/-/login", f"{UI}/-/logout"
SIGN_IN, SIGNED_IN = f"{UI}/-/sign-in", f"{UI}/-/signed-in"
TOKEN_FIELD = "form-token"  # noqa: S105  # a field's name
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_FORM = "application/x-www-form-urlencoded"
_LARGEST, _FIELDS = 16 * 1024, 32
_WORTH_PACKING = 2048

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Visit:
    """A request of a person who may make it."""

    req: func.HttpRequest
    caller: Caller | None
    """None on pages that are open, as the login is."""
    root: str
    """What precedes the dashboard in the app's paths: empty, or a prefix with a slash in front."""
    browser: str
    session: str
    """The session's token; empty without a login."""
    secure: bool

    def path(self, *parts: str) -> str:
        """The path of a page."""
        return "/".join((f"{self.root}/{UI}", *(quote(part, safe="") for part in parts)))

    @property
    def here(self) -> str:
        """Path and query of the request."""
        parts = urlsplit(str(self.req.url))
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def can_act(self) -> bool:
        """True where buttons would work."""
        return self.caller is not None and self.caller.role >= Role.CONTRIBUTOR


Page = Callable[[Visit], Awaitable[func.HttpResponse]]


class WayIn(Protocol):
    """A page to log in by; `after` is where to go then."""

    def __call__(self, visit: Visit, after: str, *, status: int) -> Awaitable[func.HttpResponse]: ...


Function = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def showing(needs: Role | None) -> Callable[[Page], Function]:
    """Let people of a role see a page, and turn what a use case raises into a page that says so. None: all people."""
    return _answering(needs, form=False)


def acting(needs: Role | None) -> Callable[[Page], Function]:
    """Let people of a role do something, by a form of ours that they sent themselves."""
    return _answering(needs, form=True)


def _answering(needs: Role | None, *, form: bool) -> Callable[[Page], Function]:
    def decorate(page: Page) -> Function:
        async def answer(req: func.HttpRequest) -> func.HttpResponse:
            visit = _stranger(req)
            try:
                visit = await _admitted(visit, needs)
                if form:
                    _check_form(visit)
                return await page(visit)
            except Exception as error:  # noqa: BLE001  # the last resort: whatever it is, people get a page
                return await _refusal(page.__name__, visit, error)

        answer.__name__, answer.__doc__, answer.__module__ = page.__name__, page.__doc__, page.__module__
        return answer

    return decorate


def _stranger(req: func.HttpRequest) -> Visit:
    parts = urlsplit(public(req))
    secure = parts.scheme == "https"
    cookies = session.read(req.headers.get("cookie"))
    known = {cookie: cookies.get(session.name(cookie, secure=secure), "") for cookie in _COOKIES}
    path = urlsplit(req.url).path
    at = f"{path}/".find(f"/{UI}/")
    return Visit(
        req=req,
        caller=None,
        root=path[:at] if at > 0 else "",
        browser=known[session.BROWSER],
        session=known[session.SESSION],
        secure=secure,
    )


_COOKIES = (session.BROWSER, session.SESSION)


async def _admitted(visit: Visit, needs: Role | None) -> Visit:
    access, req = wiring.access(), visit.req
    if needs is None:
        access.admit(Incoming(req.method, req.url, req.headers))
        return visit
    if wiring.settings().platform_login and (found := platform.principal(req.headers)):
        return replace(visit, caller=enough(platform.caller(found, access.settings.tenant), needs))
    headers = dict(req.headers)
    if visit.session and "authorization" not in headers:
        if access.sign_in:
            return replace(visit, caller=enough(access.sign_in.caller(visit.session), needs))
        headers["authorization"] = f"Bearer {visit.session}"
    return replace(visit, caller=await access.check(Incoming(req.method, req.url, headers), needs))


@cache
def forms() -> "Forms":
    """Signs and checks forms."""
    from baselift.web.csrf import Forms  # noqa: PLC0415

    given = wiring.settings()
    return Forms([given.secret_key, *given.old_secret_keys])


def fields(visit: Visit) -> Mapping[str, str]:
    """The form of a request. Raises ApiError 400."""
    kind, body = visit.req.headers.get("content-type", ""), visit.req.get_body()
    if kind.partition(";")[0].strip().lower() != _FORM or len(body) > _LARGEST:
        raise ApiError(400, "InvalidRequest", f"A form of at most {_LARGEST} bytes is right here ({_FORM}).")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS))
    except ValueError:
        raise ApiError(400, "InvalidRequest", f"The form must be UTF-8 with at most {_FIELDS} fields.") from None


def _check_form(visit: Visit) -> None:
    """Raise Denied 403 for a form that was not made for this browser and session, or that another site sent."""
    from baselift.web.csrf import same_origin  # noqa: PLC0415

    headers = visit.req.headers
    if not same_origin(headers.get("origin"), headers.get("sec-fetch-site"), public(visit.req)):
        raise forbidden(
            "This form was sent by a page of another address than this app's. Behind a proxy, BASELIFT_TRUST_PROXY "
            "lets the app know its own address."
        )
    if not forms().good(fields(visit).get(TOKEN_FIELD, ""), visit.browser, visit.session):
        raise forbidden(
            "This form is not one that this browser was given: load its page again, and send it from there."
        )


async def registry(visit: Visit) -> Registration:
    """The registry that a page is about. Raises NotFound."""
    name = visit.req.route_params["registry"]
    found = await wiring.world().registrations.get(name)
    if found is None:
        raise NotFound(f"registry '{name}' does not exist here")
    return found


async def show(
    visit: Visit, template: str, data: Mapping[str, Any], *, status: int = 200, refresh: int = 0
) -> func.HttpResponse:
    """A page.

    Args:
        visit: who sees it.
        template: its name.
        data: what the template uses, besides what every page has.
        status: of the answer.
        refresh: seconds after which the page's script looks again; 0 for never.
    """
    from baselift.web import render  # noqa: PLC0415

    browser = visit.browser or session.new_browser()
    common = {
        "here": visit.here,
        "ui": visit.path(),
        "registry": "",
        "home": "",
        "section": "",
        "registries": await _registries(visit),
        "caller": visit.caller.name if visit.caller and wiring.access().settings.mode is not Mode.NONE else "",
        "can_act": visit.can_act,
        "can_leave": bool(visit.session),
        "token": forms().token(browser, visit.session),
        "once": secrets.token_hex(8),
        "refresh": refresh,
    }
    body = render.page(template, common | dict(data)).encode("utf-8", "replace")
    headers = dict(HEADERS)
    if not visit.browser:
        headers["Set-Cookie"] = session.written(session.BROWSER, browser, secure=visit.secure)
    return _packed(visit, body, status, headers)


async def _registries(visit: Visit) -> list[str]:
    return sorted(each.name for each in await wiring.world().registrations.all()) if visit.caller else []


def _packed(visit: Visit, body: bytes, status: int, headers: dict[str, str]) -> func.HttpResponse:
    if len(body) > _WORTH_PACKING and "gzip" in visit.req.headers.get("accept-encoding", ""):
        body, headers = gzip.compress(body, 4), headers | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype="text/html", charset="utf-8")


def go(path: str, cookie: str = "") -> func.HttpResponse:
    """To another page."""
    headers = HEADERS | {"Location": path} | ({"Set-Cookie": cookie} if cookie else {})
    return func.HttpResponse(status_code=303, headers=headers)


async def _refusal(name: str, visit: Visit, error: Exception) -> func.HttpResponse:
    status, message = _said(name, error)
    if status == 401 and (page := way_in()):  # noqa: PLR2004
        answer = await page(visit, visit.here if visit.req.method == "GET" else visit.path(), status=401)
    else:
        answer = await show(visit, "error.html", {"status": status, "message": message}, status=status)
    if isinstance(error, Denied):
        for header, value in error.headers().items():
            answer.headers[header] = value
    return answer


def way_in() -> WayIn | None:
    """The page by which people get in; None where that is nothing of the app's."""
    if wiring.access().settings.mode is Mode.CLIENTS:
        return login_page
    if wiring.access().settings.mode is Mode.ENTRA and not wiring.settings().platform_login:
        return sign_in_page
    return None


async def login_page(
    visit: Visit, after: str, *, status: int, problem: str = "", client: str = ""
) -> func.HttpResponse:
    """The form to log in with; `after` is where to go then."""
    data = {"after": after, "problem": problem, "client": client}
    return await show(visit, "login.html", data, status=status)


async def sign_in_page(
    visit: Visit, after: str, *, status: int, problem: str = "", said: str = ""
) -> func.HttpResponse:
    """The link to the sign-in service, or which setting makes one; `said`: the service's own words to the problem."""
    data = {"after": after, "problem": problem, "said": said, "on": wiring.access().sign_in is not None}
    return await show(visit, "sign_in.html", data, status=status)


def _said(name: str, error: Exception) -> tuple[int, str]:
    if isinstance(error, ApiError | Denied):
        return error.status, error.message
    for kind, status in _ANSWERS:
        if isinstance(error, kind):
            return status, str(error)
    log.error("%s failed", name, exc_info=error)
    return 500, "The page could not be made; the app's log says why."


_ANSWERS: tuple[tuple[type[Exception], int], ...] = ((NotFound, 404), (Refused, 409), (Failure, 503))
