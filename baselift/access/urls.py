"""The addresses under which clients reach the app, for every URL that it hands out."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


def public_url(url: str, headers: Mapping[str, str], trust: bool) -> str:  # noqa: FBT001  # the setting, as it is
    """A request's URL as its client wrote it.

    Args:
        url: absolute, as the host of the app gives it.
        headers: the request's, names in any case.
        trust: the setting BASELIFT_TRUST_PROXY: a proxy sets X-Forwarded-Proto and X-Forwarded-Host, so they count.

    A forwarded value that is no scheme or no host is passed over, and so is a URL that cannot be read: both harm only
    the one who sent them.
    """
    if not trust:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    scheme = _first(headers, "x-forwarded-proto").lower()
    host = _first(headers, "x-forwarded-host")
    if scheme in {"http", "https"}:
        parts = parts._replace(scheme=scheme)
    if _HOST.fullmatch(host):
        parts = parts._replace(netloc=host)
    return urlunsplit(parts)


def base_url(url: str, route: str) -> str:
    """The address of the app without a slash at its end, from the URL of a request that came by `route`.

    What precedes the route, as the path prefix of a Functions host does, belongs to the base.
    """
    address = url.partition("?")[0].partition("#")[0].rstrip("/")
    return address.rsplit("/", route.strip("/").count("/") + 1)[0]


def _first(headers: Mapping[str, str], name: str) -> str:
    """The first of a header's values: proxies add theirs behind it."""
    value = next((value for key, value in headers.items() if key.lower() == name), "")
    return value.partition(",")[0].strip()
