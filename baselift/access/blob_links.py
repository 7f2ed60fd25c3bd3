"""Links to single blobs behind the app: like shared access signatures, by a key of our own instead of the storage's."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from baselift.access.caller import Denied, forbidden

ROUTE = "blobs"
_LONGEST = 20
"""Digits of an expiry that is looked at."""


class BlobLinks:
    """Signs with the first key and verifies with any.

    A link's parameters are named as in a shared access signature (`se`, `sp`, `sig`): Azure's clients keep only those.

    Args:
        keys: secret keys, 32 bytes in base64 each; the first one is current, the others were.

    Raises:
        ValueError: a key is not base64.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [_derive(key) for key in keys]

    def link(self, base: str, container: str, name: str, permission: str, until: float) -> str:
        """The blob's address under the app's address `base`, good until `until`, in seconds since the epoch.

        `permission` is written as in shared access signatures: ``r``, or ``cw``.
        """
        expiry = str(int(until))
        signature = _signature(self._keys[0], container, name, permission, expiry)
        path = f"{ROUTE}/{quote(container, safe='')}/{quote(name)}"
        return f"{base}/{path}?se={expiry}&sp={permission}&sig={signature}"

    def check(self, container: str, name: str, permission: str, query: Mapping[str, str], now: float) -> None:
        """Refuse a request whose link does not permit it. Raises Denied 403."""
        expiry, given = query.get("se", ""), query.get("sig", "").encode(errors="replace")
        signatures = [_signature(key, container, name, permission, expiry).encode() for key in self._keys]
        good = [hmac.compare_digest(given, signature) for signature in signatures]
        if query.get("sp") != permission or not any(good):
            raise _refused("The link is not one of this app, or not for this")
        # Only what we signed comes here; the bound is for a number that is none of ours all the same.
        if not (expiry.isdecimal() and len(expiry) <= _LONGEST and now < int(expiry)):
            raise _refused("The link has expired")


def _refused(reason: str) -> Denied:
    return forbidden(f"{reason}: ask for another.")


def _signature(key: bytes, *parts: str) -> str:
    # Lengths come first, so that no two different links make one text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hmac.new(key, text.encode(errors="surrogatepass"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _derive(key: str) -> bytes:
    """A key for this purpose only (RFC 5869): what signs links must not also sign tokens or open secrets."""
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError("a secret key is not base64") from None
    return HKDF(SHA256(), length=32, salt=None, info=b"baselift blob links").derive(raw)
