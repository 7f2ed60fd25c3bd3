"""Cloud identities as users of Azure container registries."""

import re
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from baselift.domain.builds import Credential, Failure
from baselift.registry.acr import Identity, IdentityTokens
from baselift.registry.hosts import Access, Hosts

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

SUFFIXES = (".azurecr.io", ".azurecr.us", ".azurecr.cn")
USER = "00000000-0000-0000-0000-000000000000"
"""The user name that goes with a refresh token as password, at ACR."""

_HOST = re.compile(r"[a-z0-9.-]+(?::[0-9]{1,5})?")


class Identities:
    """Implements the port: an identity becomes ACR's user of no name, and a refresh token that is good for hours.

    Args:
        suffixes: ends of the hosts that may be sent a token of ours: a task names its registries itself.
        plain_http_hosts: as for `Registries`.
        identity: client id, or None for this machine's own -> a credential of azure.identity.aio.
    """

    def __init__(
        self,
        suffixes: Collection[str] = SUFFIXES,
        plain_http_hosts: Collection[str] = (),
        identity: "Callable[[str | None], AbstractAsyncContextManager[Identity]] | None" = None,
    ) -> None:
        self._suffixes = tuple(suffixes)
        self._hosts = Hosts(plain_http_hosts)
        self._identity = identity or _machine

    async def login(self, host: str, client_id: str | None) -> Credential:
        """A login at ``host[:port]``. Raises Failure: it is no ACR, or the identity has no rights there."""
        if not _HOST.fullmatch(host) or not host.endswith(self._suffixes):
            known = ", ".join(f"*{suffix}" for suffix in self._suffixes)
            raise Failure(f"registry '{host}' takes no identity: only {known} do; give userName and password")
        access = Access(host, self._hosts.url(host), "", "", None, "a login by identity")
        async with self._identity(client_id) as identity:
            return Credential(USER, await IdentityTokens(identity).refresh_token(access, host))


def _machine(client_id: str | None) -> "AsyncTokenCredential":
    # Not at the top: it takes a third of a second to import.
    from azure.identity import aio  # noqa: PLC0415

    return aio.ManagedIdentityCredential(client_id=client_id) if client_id else aio.DefaultAzureCredential()
