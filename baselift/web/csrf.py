"""Forms are good only in the browser, and in the session, that they were made for.

A form carries a signature over the browser's cookie and the session's. A page of another site can neither read the
cookies nor make the signature, so it cannot fill in a form of ours. Pages are compressed, and repeat what their address
says: the signature is masked anew for each, so that sizes of many answers tell nothing of it (BREACH, CVE-2013-3587).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

_PURPOSE = b"baselift dashboard forms"
_LENGTH = 32
"""Bytes of a signature, and of its mask."""


class Forms:
    """Signs with the first key and verifies with any.

    Args:
        keys: the app's secret keys, 32 bytes in base64 each; the first one is current, the others were.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        # One key, one purpose: what signs forms must not also sign tokens (RFC 5869's extract step).
        self._keys = [hmac.digest(base64.b64decode(key), _PURPOSE, hashlib.sha256) for key in keys]

    def token(self, browser: str, session: str) -> str:
        """What a form of this browser and session carries, another text each time."""
        signature = _signature(self._keys[0], browser, session)
        mask = secrets.token_bytes(_LENGTH)
        return base64.urlsafe_b64encode(mask + _masked(signature, mask)).decode()

    def good(self, token: str, browser: str, session: str) -> bool:
        """True for a token of this browser and session."""
        try:
            given = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        except ValueError:
            return False
        found = _masked(given[_LENGTH:], given[:_LENGTH])
        good = [hmac.compare_digest(found, _signature(key, browser, session)) for key in self._keys]
        return bool(browser) and any(good)


def same_origin(origin: str | None, site: str | None, own: str) -> bool:
    """False when the browser says that another site's page sent the form.

    Args:
        origin: the Origin header, where the browser sends one.
        site: the Sec-Fetch-Site header, where the browser sends one.
        own: the app's address as its clients know it.
    """
    if site is not None and site not in {"same-origin", "none"}:
        return False
    if origin is None:
        return True
    parts = urlsplit(own)
    return origin == f"{parts.scheme}://{parts.netloc}"


def _signature(key: bytes, *parts: str) -> bytes:
    # Lengths come first, so that no two different pairs make one text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(key, text.encode(errors="surrogatepass"), hashlib.sha256)


def _masked(data: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(data, mask, strict=False))
