"""Mode `none`: whoever is on this machine may do everything, and nobody else anything.

A web page in a browser of this machine is somebody else: it is told by its Origin, and by the Host header when its
name was made to resolve to this machine (DNS rebinding).
"""

import ipaddress
import re
from urllib.parse import urlsplit

from baselift.access.caller import Caller, Incoming, Role, forbidden

_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::[0-9]{1,5})?")
_LOCAL = Caller("local", Role.CONTRIBUTOR)


class Loopback:
    """Lets in every request that this machine made to itself."""

    async def caller(self, request: Incoming) -> Caller:
        """The same caller for all. Raises Denied 403."""
        check(request)
        return _LOCAL


def check(request: Incoming) -> None:
    """Raise Denied 403 unless Host, Origin and X-Forwarded-Host, the latter two when present, name this machine."""
    if not is_loopback(request.header("host") or ""):
        raise forbidden("With BASELIFT_ACCESS=none only this machine may call: use http://localhost as the address.")
    forwarded = request.header("x-forwarded-host")
    if forwarded is not None and not is_loopback(forwarded):
        raise forbidden("With BASELIFT_ACCESS=none only this machine may call: a proxy passed this request on.")
    origin = request.header("origin")
    if origin is not None and not _is_loopback_origin(origin):
        raise forbidden("With BASELIFT_ACCESS=none no web page of another site may call.")


def is_loopback(authority: str) -> bool:
    """True when ``host[:port]``, with an IPv6 address in brackets, is localhost, in 127.0.0.0/8, or ::1."""
    found = _AUTHORITY.fullmatch(authority)
    return found is not None and _is_loopback_host(found["six"] or found["name"])


def check_binding(mode: str, authority: str) -> None:
    """Check the ``host[:port]`` at which the app is reached, with an IPv6 address in brackets.

    Raises:
        ValueError: the mode is `none` and the address can be reached from elsewhere.
    """
    if mode == "none" and not is_loopback(authority):
        raise ValueError(
            f"BASELIFT_ACCESS is 'none', so only this machine may call, but '{authority}' can be reached from elsewhere"
            ": listen on 127.0.0.1 or ::1, or set BASELIFT_ACCESS to 'clients' or 'entra'"
        )


def _is_loopback_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    plain = origin == f"{parts.scheme}://{parts.netloc}"
    return plain and parts.scheme in {"http", "https"} and is_loopback(parts.netloc)


def _is_loopback_host(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() in {"localhost", "localhost."}
    # What an IPv4 address inside of an IPv6 one means differs between systems, and between versions of `ipaddress`.
    return address.is_loopback if address.version == 4 else address == ipaddress.IPv6Address(1)  # noqa: PLR2004
