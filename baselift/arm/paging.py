"""Links to the next page of a list."""

import base64
import binascii
import hashlib
import json
import re
from urllib.parse import urlencode

from baselift.arm.errors import invalid

PARAMETER = "$skiptoken"
_POSITION = re.compile(r"[0-9]{1,18}")


def encode(position: str, *query: str | None) -> str:
    """A token for `position`, which says where the next page begins; it is good only for the same `query`."""
    text = json.dumps([position, _stamp(query)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(token: str, *query: str | None) -> str:
    """The position in a token, digits. Raises ApiError 400 for another query's token or none of ours."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        position, stamp = json.loads(raw)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise _refused() from None
    # Whoever knows how they are made can make one: a position is a run's number.
    if not isinstance(position, str) or not _POSITION.fullmatch(position) or stamp != _stamp(query):
        raise _refused()
    return position


def link(url: str, parameters: dict[str, str], token: str) -> str:
    """nextLink: the list's absolute `url` with its query and the token; the client adds its own api-version."""
    return f"{url}?{urlencode({**parameters, PARAMETER: token})}"


def _stamp(query: tuple[str | None, ...]) -> str:
    return hashlib.sha256(json.dumps(query).encode()).hexdigest()[:16]


def _refused() -> Exception:
    return invalid(f"{PARAMETER} is not a link of this list with this filter: begin again without it.", PARAMETER)
