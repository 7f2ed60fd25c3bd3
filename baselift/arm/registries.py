"""Registries, resource groups and subscriptions, as far as the clients of tasks read them."""

from collections.abc import Mapping
from typing import Any

from baselift.arm import names
from baselift.arm.names import Scope

TYPE = f"{names.PROVIDER}/registries"
LOCATION = "local"


def show(
    scope: Scope,
    login_server: str,
    *,
    location: str = LOCATION,
    created: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The registry resource.

    The Azure CLI refuses tasks for any other sku than Basic, Standard and Premium, and connects to `login_server`
    (host, with a port where it needs one).
    """
    return {
        **resource(scope, location=location, tags=tags),
        "sku": {"name": "Standard", "tier": "Standard"},
        "properties": {
            "loginServer": login_server,
            "creationDate": created,
            "provisioningState": "Succeeded",
            "adminUserEnabled": False,
            "roleAssignmentMode": "LegacyRegistryPermissions",
        },
    }


def resource(scope: Scope, *, location: str = LOCATION, tags: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The registry's entry in the list of a subscription's resources, by which the Azure CLI finds its group."""
    return {"id": scope.id, "name": scope.registry, "type": TYPE, "location": location, "tags": dict(tags or {})}


def resource_group(scope: Scope, *, location: str = LOCATION) -> dict[str, Any]:
    """The resource group of a registry."""
    return {
        "id": scope.group_id,
        "name": scope.resource_group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": location,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }


def subscription(identifier: str, name: str, tenant: str) -> dict[str, Any]:
    """A subscription; `identifier` and `tenant` are GUIDs."""
    return {
        "id": f"/subscriptions/{identifier}",
        "subscriptionId": identifier,
        "displayName": name,
        "state": "Enabled",
        "tenantId": tenant,
    }


def tenant(identifier: str) -> dict[str, Any]:
    """A tenant, for logins of people."""
    return {"id": f"/tenants/{identifier}", "tenantId": identifier}


def is_registry_query(filter_text: str | None) -> bool:
    """True when a `$filter` of the resource list lets registries through: none, or one for their type."""
    words = (filter_text or "").casefold().replace("'", " ").split()
    return not words or words == ["resourcetype", "eq", TYPE.casefold()]
