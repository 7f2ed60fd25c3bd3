"""Who App Service Authentication says is there, where the settings say that it is in front of the app.

The platform takes these headers off what comes from outside and puts its own on. Where it is not in front, anyone could
send them: they count only by a setting.
https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from baselift.access.caller import Caller, forbidden

HEADER = "x-ms-client-principal"
_LONGEST = 64 * 1024
_TENANT = ("tid", "http://schemas.microsoft.com/identity/claims/tenantid")
_ROLE = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
_NAME = ("preferred_username", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", "name")


def principal(headers: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The principal of a request; None for nobody, or where it cannot be read."""
    given = headers.get(HEADER)
    if not given or len(given) > _LONGEST:
        return None
    try:
        found = json.loads(base64.b64decode(given, validate=True))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("claims"), list) else None


def caller(found: Mapping[str, Any], tenant: str) -> Caller:
    """Who a principal is. Raises Denied 403: of another tenant, or without a role here."""
    claims = [(str(each.get("typ")), str(each.get("val"))) for each in found["claims"] if isinstance(each, dict)]
    if found.get("auth_typ") != "aad" or tenant not in _values(claims, _TENANT):
        raise forbidden("You are logged in elsewhere: an account of this app's own Entra tenant is right here.")
    # The token rules bring an HTTP client with them: the app must be indexed quickly.
    from baselift.access.entra import ROLES  # noqa: PLC0415

    types = (*_ROLE, str(found.get("role_typ") or _ROLE[0]))
    roles = [role for value in _values(claims, types) if (role := ROLES.get(value.lower())) is not None]
    if not roles:
        raise forbidden("You have no role here: an administrator assigns Baselift.Reader or Baselift.Contributor.")
    names = [value for name in _NAME for value in _values(claims, (name,)) if value]
    return Caller(names[0] if names else "unknown", max(roles))


def _values(claims: list[tuple[str, str]], types: tuple[str, ...]) -> list[str]:
    return [value for kind, value in claims if kind in types]
