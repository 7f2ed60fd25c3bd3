"""Mode `entra`: bearer tokens of one Microsoft Entra tenant, for our own audience, with an app role.

https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens

An ID token of the same tenant has the same issuer and signature, the roles of its user, and as its audience the bare
application id, which access tokens of version 2.0 always have and those of version 1.0 may have. It is told by claims
(access-token-claims-reference and id-token-claims-reference, beside the page above): every access token names the
client that uses it, as `appid` (1.0) or `azp` (2.0), which no ID token has; `nonce`, `at_hash` and `c_hash` are of ID
tokens.
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
_IN_CHINA = frozenset({"https://login.partner.microsoftonline.cn", "https://login.chinacloudapi.cn"})
_CLIENT = ("azp", "appid")
_OF_ID_TOKENS = frozenset({"nonce", "at_hash", "c_hash"})
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
        self._issuers = issuers(tenant, authority)
        self._keys = keys or KeySet(f"{authority}/{tenant}/discovery/v2.0/keys")

    async def caller(self, request: Incoming) -> Caller:
        """Who calls, by an access token.

        Raises:
            Denied: 401 for a token that is no good, 403 for one without a role, 503 when the issuer's keys
                cannot be fetched.
        """
        claims = await self._claims(token_of(request))
        if not any(_text(claims, name) for name in _CLIENT) or _OF_ID_TOKENS & claims.keys():
            raise bad_token("The token is no access token: it says who somebody is, not what a client may do for them")
        return self._caller(claims)

    async def signed_in(self, token: str) -> Caller:
        """Whose ID token it is, which must be for one of the audiences. Raises as `caller`."""
        return self._caller(await self._claims(token))

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
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


def issuers(tenant: str, authority: str) -> list[str]:
    """Who issues tokens of a tenant, of version 2.0 and of version 1.0.

    The clouds' authorities are in https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud, an
    older one of China in https://learn.microsoft.com/graph/deployments. Issuers of version 1.0 are no authorities:
    ``sts.windows.net`` is that of the global service and of the US Government, ``sts.chinacloudapi.cn`` that of China
    (https://docs.azure.cn/active-directory/develop/active-directory-token-and-claims).
    """
    if authority in _IN_CHINA:
        return [f"https://login.partner.microsoftonline.cn/{tenant}/v2.0", f"https://sts.chinacloudapi.cn/{tenant}/"]
    return [f"{authority}/{tenant}/v2.0", f"https://sts.windows.net/{tenant}/"]


def _name(claims: Mapping[str, Any]) -> str:
    return next((value for name in _NAMES if (value := _text(claims, name))), "unknown")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
