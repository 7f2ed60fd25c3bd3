"""How much a registry still lets us ask, by the headers it sends.

Docker Hub: ``RateLimit-Limit: 100;w=21600``, ``RateLimit-Remaining: 76;w=21600``. IETF draft
httpapi-ratelimit-headers: ``RateLimit-Reset`` in seconds. GitHub: ``X-RateLimit-*``, the reset as seconds since 1970.
"""

import re
import time
from collections.abc import Mapping

_NUMBER = re.compile(r"\s*(\d{1,12})\s*(?:[;,]|$)")
_WINDOW = re.compile(r";\s*w=(\d{1,9})")
_RESERVE = 10
"""Per cent of the limit that is left to builds: below that nobody asks only to see whether something moved."""
_LONGEST = 3600.0
_EPOCH = 1_000_000_000


def pause(headers: Mapping[str, str]) -> float:
    """Seconds in which the registry should be asked nothing that can wait; 0 while enough of its limit is left."""
    limit, left = _first(headers, "Limit"), _first(headers, "Remaining")
    if limit is None or left is None or left * 100 > limit * _RESERVE:
        return 0.0
    return min(_LONGEST, _until_more(headers))


def _until_more(headers: Mapping[str, str]) -> float:
    reset = _first(headers, "Reset")
    if reset is not None:
        return max(1.0, reset - time.time() if reset > _EPOCH else float(reset))
    window = next((int(found[1]) for name in _names("Limit") if (found := _WINDOW.search(headers.get(name, "")))), 0)
    # A window that slides gives the reserve back in that part of its length.
    return window * _RESERVE / 100 if window else 60.0


def _first(headers: Mapping[str, str], what: str) -> int | None:
    found = (_NUMBER.match(headers.get(name, "")) for name in _names(what))
    return next((int(each[1]) for each in found if each), None)


def _names(what: str) -> tuple[str, str]:
    return f"RateLimit-{what}", f"X-RateLimit-{what}"
