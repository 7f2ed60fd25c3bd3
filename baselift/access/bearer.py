"""The bearer token of a request (RFC 6750 section 2.1), and what PyJWT says about it in our words."""

import re
from typing import Any

import jwt

from baselift.access.caller import Denied, Incoming, bad_token, no_token

LONGEST = 16 * 1024
_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (jwt.ExpiredSignatureError, "The token has expired"),
    (jwt.ImmatureSignatureError, "The token is not valid yet"),
    (jwt.InvalidAudienceError, "The token is for another audience"),
    (jwt.InvalidIssuerError, "The token is from another issuer"),
    (jwt.MissingRequiredClaimError, "The token lacks a claim"),
    (jwt.InvalidAlgorithmError, "The token is signed with an algorithm that is not accepted"),
    (jwt.InvalidSignatureError, "The token's signature is wrong"),
)
UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
"""What reading a token can raise, whatever is in it."""


def token_of(request: Incoming) -> str:
    """The token. Raises Denied 401 when there is none, or nothing that could be one."""
    given = request.header("authorization")
    if not given:
        raise no_token()
    found = _BEARER.fullmatch(given) if len(given) <= LONGEST else None
    if found is None:
        raise bad_token("The Authorization header is no bearer token")
    return found[1]


def header_of(token: str, algorithm: str) -> dict[str, Any]:
    """The token's header, not verified. Raises Denied 401 for another algorithm than the one that is accepted."""
    try:
        header = jwt.get_unverified_header(token)
    except UNREADABLE as error:
        raise refused(error) from None
    if header.get("alg") != algorithm:
        raise bad_token("The token is signed with an algorithm that is not accepted")
    return header


def refused(error: Exception) -> Denied:
    """401 for what PyJWT raised."""
    return bad_token(
        next((reason for kind, reason in _REASONS if isinstance(error, kind)), "The token is not readable")
    )
