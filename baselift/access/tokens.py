"""Tokens of our own: JWTs signed with HS256 by keys that are derived from the app's secret keys."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from baselift.access.bearer import UNREADABLE, header_of, refused
from baselift.access.caller import Role, bad_token

_ALGORITHM = "HS256"
_REQUIRED = ["iss", "aud", "sub", "iat", "nbf", "exp"]
_SKEW = 30
"""Seconds by which the clocks of two instances of the app may differ."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says: a client, its role, and the secret it came by (`Client.credential`)."""

    client: str
    role: Role
    credential: str


class Tokens:
    """Signs with the first key and verifies with any.

    Args:
        keys: secret keys, 32 bytes in base64 each; the first one is current, the others were.
        issuer, audience, tenant: the claims `iss`, `aud` and `tid`. Only tokens of this issuer and audience are good.
        seconds: how long a token is good.

    Raises:
        ValueError: a key is not base64.
    """

    def __init__(self, keys: Sequence[str], *, issuer: str, audience: str, tenant: str, seconds: int) -> None:
        self.seconds = seconds
        derived = [_derive(key) for key in keys]
        self._current = _name(derived[0])
        self._keys = {_name(key): key for key in derived}
        self._issuer = issuer
        self._audience = audience
        self._tenant = tenant

    def issue(self, grant: Grant, now: float) -> str:
        """A token; `now` in seconds since the epoch."""
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "tid": self._tenant,
            "sub": grant.client,
            "roles": [grant.role.name.lower()],
            "credential": grant.credential,
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + self.seconds,
        }
        return jwt.encode(claims, self._keys[self._current], _ALGORITHM, {"kid": self._current})

    def read(self, token: str) -> Grant:
        """What a token says. Raises Denied 401 unless it is whole, ours, current and for us."""
        key = self._keys.get(str(header_of(token, _ALGORITHM).get("kid")))
        if key is None:
            raise bad_token("The token is signed with a key that is not known here")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                leeway=_SKEW,
                options={"require": _REQUIRED},
            )
            return Grant(claims["sub"], Role[claims["roles"][0].upper()], claims["credential"])
        except (KeyError, IndexError, AttributeError):
            raise bad_token("The token lacks a claim") from None
        except UNREADABLE as error:
            raise refused(error) from None


def _derive(key: str) -> bytes:
    """A key for this purpose only (RFC 5869): what signs tokens must not also open secrets."""
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError("a secret key is not base64") from None
    return HKDF(SHA256(), length=32, salt=None, info=b"baselift access tokens").derive(raw)


def _name(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:16]
