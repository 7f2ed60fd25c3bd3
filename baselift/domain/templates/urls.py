"""Sprig's URL functions: Go's net/url taken apart and put together."""

import ipaddress
import re
from typing import Any
from urllib.parse import quote

from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Registry
from baselift.domain.templates.limits import Context
from baselift.domain.templates.text import decode, encode
from baselift.domain.templates.values import kind_name

FUNCTIONS = Registry()
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_USER_CHARS = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile(r"(?::[0-9]*)?")
_HOST_REFUSED = re.compile(r"[ \"\\^`{|}]|%(?!25)")
_PATH_SAFE = "$&+,/:;=@-_.~"
_HOST_SAFE = "!$&'()*+,;=:[]<>\""
_FRAGMENT_SAFE = "$&+,/:;=?@-_.~!()*"
_USER_SAFE = "$&+,;=-_.~"
_KEYS = ("scheme", "host", "path", "query", "opaque", "fragment", "userinfo")


@FUNCTIONS.add("urlParse", "string")
def parse(text: str) -> dict[str, str]:
    """The parts of a URL, each the empty string when it is missing.

    Raises:
        Fault: the text is no URL.
    """
    rest, _, fragment = text.partition("#")
    if _CONTROL.search(rest):
        raise Fault(f"unable to parse url: '{text}' has a control character")
    scheme, rest = _scheme(rest, text)
    rest, _, query = rest.partition("?")
    parts = dict.fromkeys((*_KEYS, "hostname"), "")
    parts |= {"scheme": scheme.lower(), "query": query, "fragment": _unescaped(fragment, text)}
    if not rest.startswith("/"):
        if scheme:
            return parts | {"opaque": rest}
        if ":" in rest.partition("/")[0]:
            raise Fault(f"unable to parse url: the first path segment of '{text}' has a colon")
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        parts |= _authority(authority, text)
        rest = slash + path
    return parts | {"path": _unescaped(rest, text)}


def _scheme(rest: str, text: str) -> tuple[str, str]:
    found = _SCHEME.match(rest)
    if found:
        return found[1], rest[found.end() :]
    if rest.startswith(":"):
        raise Fault(f"unable to parse url: '{text}' lacks its scheme")
    return "", rest


def _authority(authority: str, text: str) -> dict[str, str]:
    user, at, host = authority.rpartition("@")
    if at and not _USER_CHARS.fullmatch(user):
        raise Fault(f"unable to parse url: '{text}' has invalid user information")
    name, port = host, ""
    if host.startswith("["):
        name, bracket, port = host.rpartition("]")
        if not bracket:
            raise Fault(f"unable to parse url: '{text}' lacks ']' in its host")
        name = _ipv6(name[1:], text)
    elif ":" in host:
        name, colon, port = host.partition(":")
        port = colon + port
    if not _PORT.fullmatch(port) or "[" in name or _HOST_REFUSED.search(host):
        raise Fault(f"unable to parse url: '{text}' has an invalid host or port")
    return {"host": host, "hostname": name, "userinfo": _user(user, text) if at else ""}


def _ipv6(name: str, text: str) -> str:
    try:
        ipaddress.IPv6Address(name.replace("%25", "%"))
    except ValueError as error:
        raise Fault(f"unable to parse url: '{text}' has an invalid host: {error}") from error
    return name.replace("%25", "%")


def _user(user: str, text: str) -> str:
    name, colon, password = user.partition(":")
    escaped = quote(encode(_unescaped(name, text)), safe=_USER_SAFE)
    return escaped + (":" + quote(encode(_unescaped(password, text)), safe=_USER_SAFE) if colon else "")


def _unescaped(part: str, text: str) -> str:
    if "%" not in part:
        return part
    if _BAD_ESCAPE.search(part):
        raise Fault(f"unable to parse url: '{text}' has an invalid escape")
    return decode(_ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), encode(part)))


@FUNCTIONS.add("urlJoin", "map", context=True)
def join(context: Context, parts: dict[str, Any]) -> str:
    """A URL from its parts, as `urlParse` names them.

    Raises:
        Fault: a part is no string.
    """
    scheme, host, path, query, opaque, fragment, user = (_part(parts, key) for key in _KEYS)
    context.charge(3 * sum(map(len, (scheme, host, path, query, opaque, fragment, user))))
    url = scheme + ":" * bool(scheme)
    url += opaque or _hierarchy(url, host, path, _authority(f"{user}@host", user)["userinfo"] if user else "")
    url += "?" * bool(query) + query
    return url + ("#" + quote(encode(fragment), safe=_FRAGMENT_SAFE) if fragment else "")


def _hierarchy(url: str, host: str, path: str, user: str) -> str:
    escaped = "*" if path == "*" else quote(encode(path), safe=_PATH_SAFE)
    text = ""
    if url or host or user:
        if host or user or path:
            text = "//"
        text += user + "@" * bool(user) + quote(encode(host), safe=_HOST_SAFE)
        if path and not path.startswith("/") and host:
            text += "/"
        return text + escaped
    if ":" in escaped.partition("/")[0]:
        text = "./"
    return text + escaped


def _part(parts: dict[str, Any], key: str) -> str:
    value = parts.get(key, "")
    if not isinstance(value, str):
        raise Fault(f"unable to parse {key} key, must be of type string, but {kind_name(value)} found")
    return value
