"""Registries as resources that can be changed: a PUT or PATCH makes or changes a registration, never a registry.

Beside what Azure's own clients send, `properties` may say where the registry is: `loginServer` (its address),
`aliases`, `kind` (`oci` or `acr`) and `credentials` (`username`, `password`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from baselift.app.registrations import Registration
from baselift.arm import names, registries, rules, shapes
from baselift.arm.errors import invalid
from baselift.arm.models import LOCATION, TAGS
from baselift.arm.names import Scope
from baselift.arm.shapes import Choice, Each, Field, Flag, Model, Text

LOGIN = Model(
    {
        "username": Field(Text(most=256, quiet=True), required=True, key=True),
        "password": Field(Text(most=16_384, quiet=True), required=True, key=True),
    }
)
PROPERTIES = Model(
    {
        "loginServer": Field(Text(most=255, check=rules.registry_host)),
        "aliases": Field(Each(Text(most=255, check=rules.registry_host))),
        "kind": Field(Choice(("oci", "acr"))),
        "credentials": Field(LOGIN),
        "adminUserEnabled": Field(Flag()),
    }
)
REGISTRY = Model({"location": LOCATION, "tags": TAGS, "properties": Field(PROPERTIES, default={})})


def create(
    body: Any, existing: Registration | None, *, scope: Scope, now: str, seal: Callable[[Any], dict[str, Any]]
) -> Registration:
    """What a PUT registers. `az acr create` sends no address: it can only repeat a registration that is there.

    Raises:
        ApiError: 400, naming the field.
    """
    names.check_registry(scope.registry)
    given = shapes.document(REGISTRY, body)
    address = given["properties"].get("loginServer") or (existing.address if existing else None)
    if not address:
        right = "give the registry's host[:port]; Baselift registers registries, it does not create them"
        raise invalid(f"properties.loginServer is required: {right}.", "properties.loginServer")
    start = existing or Registration(scope.registry, scope.resource_group, address.lower(), created=now)
    return _changed(replace(start, location=given["location"], tags=given["tags"]), given["properties"], seal)


def merge(existing: Registration, patch: Any, *, seal: Callable[[Any], dict[str, Any]]) -> Registration:
    """The registration after a PATCH: what is absent stays. Raises ApiError 400."""
    given = shapes.document(REGISTRY, patch, partial=True)
    tags = given.get("tags", existing.tags)
    return _changed(replace(existing, tags=tags), given.get("properties", {}), seal)


def show(registration: Registration, scope: Scope) -> dict[str, Any]:
    """The registry resource; of its credentials only whether there are any."""
    shown = registries.show(
        scope,
        registration.address,
        location=registration.location,
        created=registration.created or None,
        tags=registration.tags,
    )
    more = {"aliases": list(registration.hosts[1:]), "kind": registration.kind}
    shown["properties"] |= more | {"adminUserEnabled": bool(registration.secrets)}
    return shown


def _changed(start: Registration, properties: Mapping[str, Any], seal: Callable[[Any], dict[str, Any]]) -> Registration:
    aliases = tuple(host.lower() for host in properties.get("aliases", start.aliases))
    address = properties.get("loginServer", start.address).lower()
    # A password is for the host that it was given for.
    secrets = start.secrets if address == start.address else {}
    kind = properties.get("kind", start.kind)
    changed = replace(start, address=address, aliases=aliases, kind=kind, secrets=secrets)
    login = properties.get("credentials")
    if not login:
        _check_admin(changed, properties)
        return changed
    secret = {"userName": _opaque(login["username"]), "password": _opaque(login["password"])}
    sealed = seal({"credentials": {"customRegistries": {address: secret}}})
    return replace(changed, secrets=sealed["credentials"]["customRegistries"])


def _check_admin(changed: Registration, properties: Mapping[str, Any]) -> None:
    """The registry's own user is made where the registry is; to say that it is there without it would be a lie."""
    if properties.get("adminUserEnabled") and not changed.secrets:
        right = "it follows from properties.credentials (username, password), with which the registry is registered"
        raise invalid(f"properties.adminUserEnabled is true: {right}.", "properties.adminUserEnabled")


def _opaque(value: str) -> dict[str, str]:
    return {"type": "Opaque", "value": value}
