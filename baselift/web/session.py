"""Cookies of the dashboard: which browser this is, and who is logged in there.

The session is a token of the app's own, as clients of the API get it, kept where no script can read it.
"""

import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

BROWSER, SESSION, FLOW = "baselift-browser", "baselift-session", "baselift-sign-in"
_LONGEST = 16 * 1024


def read(header: str | None) -> Mapping[str, str]:
    """The cookies of a request; none where the header cannot be read. One that is there twice counts as absent."""
    if not header or len(header) > _LONGEST:
        return {}
    names = [part.partition("=")[0].strip() for part in header.split(";")]
    try:
        jar = SimpleCookie(header)
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items() if names.count(name) == 1}


def name(cookie: str, *, secure: bool) -> str:
    """The cookie's name: over https one that only this very host can set (RFC 6265bis, section 4.1.3.2)."""
    return f"__Host-{cookie}" if secure else cookie


def written(cookie: str, value: str, *, secure: bool, seconds: int | None = None) -> str:
    """A Set-Cookie header. `seconds`: how long it is good, None until the browser ends, 0 to remove it.

    Lax, not Strict: who follows a link from a chat to a run is to see it without another login, and who comes back from
    the sign-in service comes from another site. What changes something asks for more than cookies.
    """
    age = "" if seconds is None else f"; Max-Age={seconds}"
    return f"{name(cookie, secure=secure)}={value}; Path=/; HttpOnly; SameSite=Lax{age}" + (
        "; Secure" if secure else ""
    )


def new_browser() -> str:
    """A fresh name for a browser. It means nothing, and is there to bind forms to."""
    return secrets.token_urlsafe(18)
