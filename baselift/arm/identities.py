"""The identity block of a task: names of identities, with ids that stay the same while the identity is there."""

from collections.abc import Callable, Mapping
from typing import Any

from baselift.arm.errors import invalid
from baselift.arm.models import IDENTITY

_USERS = "userAssignedIdentities"


def settle(
    given: Mapping[str, Any] | None, old: Mapping[str, Any] | None, ids: Callable[[], str], *, partial: bool
) -> dict[str, Any] | None:
    """The block to store, None for none; ids of new identities come from `ids` (a GUID at each call).

    A PATCH (`partial`) adds and removes user identities and drops the kind that has none left.
    """
    if given is None:
        return dict(old) if partial and old else None
    users = _users(given, old or {}, partial=partial)
    kinds = _kinds(given["type"], users, partial=partial)
    if not kinds:
        return None
    block: dict[str, Any] = {"type": ", ".join(kinds)}
    if "SystemAssigned" in kinds:
        block |= {name: (old or {}).get(name) or ids() for name in ("principalId", "tenantId")}
    if "UserAssigned" in kinds:
        known = {key.casefold(): value for key, value in (old or {}).get(_USERS, {}).items()}
        block[_USERS] = {key: known.get(key.casefold()) or _user(ids) for key in users}
    return block


def _user(ids: Callable[[], str]) -> dict[str, str]:
    return {"clientId": ids(), "principalId": ids()}


def _users(given: Mapping[str, Any], old: Mapping[str, Any], *, partial: bool) -> list[str]:
    named = given.get(_USERS) or {}
    if not partial:
        return list(named)
    return list(IDENTITY.fields[_USERS].kind.merge(old.get(_USERS), named))


def _kinds(kind: str, users: list[str], *, partial: bool) -> list[str]:
    kinds = [] if kind == "None" else kind.split(", ")
    if "UserAssigned" in kinds and not users:
        if not partial:
            raise invalid(f"identity.{_USERS} is required for type '{kind}'.", f"identity.{_USERS}")
        kinds.remove("UserAssigned")
    return kinds
