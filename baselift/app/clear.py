"""Documents with their secrets in clear: unsealed, and read from where else they are kept."""

import asyncio
import copy
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from baselift.app.world import World
from baselift.domain import tasks
from baselift.domain.builds import Failure

LIMIT = 120
"""Seconds in which all secrets of a run must have come (as in ACR's engine)."""

SYSTEM = "[system]"
"""How an `identity` says: this machine's own."""

_SECRETS = ("userName", "password")
T = TypeVar("T")


async def clear(world: World, document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored request or task properties, as a run uses it: every custom registry with user and password in clear.

    Raises:
        Failure: a Key Vault does not give a secret, or a registry takes no identity.
    """
    opened = world.unseal(document)
    custom = (opened.get("credentials") or {}).get("customRegistries")
    if not custom:
        return opened
    entries = await together([_entry(world, host, entry) for host, entry in custom.items()])
    credentials = opened["credentials"] | {"customRegistries": dict(zip(custom, entries, strict=True))}
    return opened | {"credentials": credentials}


async def together(reads: Sequence[Awaitable[T]]) -> list[T]:
    """All results, in order; the first failure ends the others.

    Raises:
        Failure: of the first that failed, or for lack of time.
    """
    running = [asyncio.ensure_future(read) for read in reads]
    try:
        async with asyncio.timeout(LIMIT):
            return await asyncio.gather(*running)
    except TimeoutError:
        raise Failure(f"secrets did not come within {LIMIT} s") from None
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def of_vault(world: World, what: str, url: str, identity: str | None) -> str:
    """A secret's value. Raises Failure that names `what`, never with the value."""
    try:
        return await world.vault.read(url, _client(identity))
    except Failure as failure:
        raise Failure(f"{what}: {failure}") from failure


async def _entry(world: World, host: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    if not any(entry.get(name) for name in _SECRETS):
        hosts = await world.registrations.hosts()
        login = await world.identities.login(hosts.get(host.lower(), host.lower()), _client(entry.get("identity")))
        return {"userName": _opaque(login.username), "password": _opaque(login.password)}
    opened = copy.deepcopy(dict(entry))
    for name in _SECRETS:
        if tasks.in_vault(secret := opened.get(name) or {}):
            value = await of_vault(world, f"{name} of registry '{host}'", secret["value"], entry.get("identity"))
            opened[name] = _opaque(value)
    return opened


def _client(identity: str | None) -> str | None:
    return None if identity in (None, "", SYSTEM) else identity


def _opaque(value: str) -> dict[str, str]:
    return {"type": "Opaque", "value": value}
