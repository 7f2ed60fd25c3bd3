"""Mode `entra`: bearer tokens of one Microsoft Entra tenant, for our own audience, with an app role.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

import jwt

from baselift.access.bearer import UNREADABLE, header_of, refused, token_of
from baselift.access.caller import Caller, Incoming, Role, bad_token, forbidden, undecided
from baselift.access.jwks import IssuerUnreachable, KeySet

_ALGORITHM = "RS256"
_SKEW = 60
ROLES = {
    "baselift.reader": Role.READER,
    "reader": Role.READER,
    "baselift.contributor": Role.CONTRIBUTOR,
    "contributor": Role.CONTRIBUTOR,
}
_NAMES = ("preferred_username", "upn", "unique_name", "azp", "appid", "sub")
_APPLICATION = re.compile(r"api://([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")

log = logging.getLogger(__name__)


class Entra:
    """Lets in whoever has an app role.

    Args:
        tenant: its GUID.
        audiences: those that tokens may be for.
        authority: base address of the issuer, for example ``https://login.microsoftonline.com``.
        keys: the tenant's keys, when not those at the authority.
    """

    def __init__(self, tenant: str, audiences: tuple[str, ...], authority: str, keys: KeySet | None = None) -> None:
        self._audiences = [*audiences, *(found[1] for each in audiences if (found := _APPLICATION.fullmatch(each)))]
        self._issuers = [f"{authority}/{tenant}/v2.0", f"https://sts.windows.net/{tenant}/"]
        self._keys = keys or KeySet(f"{authority}/{tenant}/discovery/v2.0/keys")

    async def caller(self, request: Incoming) -> Caller:
        """Who calls.

        Raises:
            Denied: 401 for a token that is no good, 403 for one without a role, 503 when the issuer's keys
                cannot be fetched.
        """
        return await self.owner(token_of(request))

    async def owner(self, token: str) -> Caller:
        """Whose token it is: an access token, or an ID token that is for one of the audiences. Raises as `caller`."""
        claims = await self._claims(token)
        roles = claims.get("roles")
        known = [ROLES.get(str(role).lower()) for role in roles] if isinstance(roles, list) else []
        role = max((role for role in known if role is not None), default=None)
        if role is None:
            raise forbidden("You have no role here: an administrator assigns Baselift.Reader or Baselift.Contributor.")
        return Caller(_name(claims), role)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        key = await self._key(str(header_of(token, _ALGORITHM).get("kid")))
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audiences,
                issuer=self._issuers,
                leeway=_SKEW,
                options={"require": ["iss", "aud", "exp", "nbf"]},
            )
        except UNREADABLE as error:
            raise refused(error) from None

    async def _key(self, name: str) -> Any:
        try:
            key = await self._keys.get(name)
        except IssuerUnreachable as error:
            log.error("tokens cannot be checked: %s", error)  # noqa: TRY400  # the cause is in the message
            raise undecided("The issuer of tokens does not answer, so yours cannot be checked: try again.") from None
        if key is None:
            raise bad_token("The token is signed with a key that is not known here")
        return key


def _name(claims: Mapping[str, Any]) -> str:
    return next((value for name in _NAMES if isinstance(value := claims.get(name), str) and value), "unknown")
