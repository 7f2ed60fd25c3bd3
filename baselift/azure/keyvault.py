"""Secrets in Azure Key Vault, read when a run needs them."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from baselift.domain.builds import Failure

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.exceptions import AzureError

_URL = re.compile(
    r"https://(?P<vault>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)/secrets/(?P<name>[a-z0-9-]{1,127})(?:/(?P<version>[a-z0-9]{1,64}))?/?",
    re.IGNORECASE | re.ASCII,
)
_RIGHT = "https://VAULT.{}/secrets/NAME, with /VERSION behind it or without"
_REASONS = {
    401: "the vault does not accept the identity",
    403: "the identity may not read it, or it is disabled",
    404: "there is no such secret",
}


class KeyVault:
    """Implements `Vault` with the cloud identities of this machine.

    Args:
        suffixes: hosts behind a vault's name, such as ``vault.azure.net``. Nobody else is sent a token.
        credential: client id, or None for the machine's own identity -> a credential of azure.identity.aio.
        options: further arguments of the SDK's client.
    """

    def __init__(
        self,
        suffixes: Sequence[str],
        credential: "Callable[[str | None], AsyncTokenCredential] | None" = None,
        options: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._suffixes = tuple(suffix.lower() for suffix in suffixes)
        self._credential = credential or _identity
        self._options = options

    async def read(self, url: str, client_id: str | None) -> str:
        """The value of the secret at ``https://<vault>.<suffix>/secrets/<name>[/<version>]``.

        Raises:
            Failure: the URL is no such URL, or the vault does not give the secret; never with the value.
        """
        found = _URL.fullmatch(url)
        if found is None or found["suffix"].lower() not in self._suffixes:
            raise Failure(f"Key Vault address '{url}' must be {_RIGHT.format(' or .'.join(self._suffixes))}")
        # Not at the top: it takes a while to import, and only some tasks need it.
        from azure.core.exceptions import AzureError  # noqa: PLC0415
        from azure.keyvault.secrets.aio import SecretClient  # noqa: PLC0415

        host = f"https://{found['vault']}.{found['suffix']}".lower()
        try:
            async with (
                self._credential(client_id) as credential,
                SecretClient(host, credential, permit_redirects=False, retry_total=2, **self._options()) as client,
            ):
                value = (await client.get_secret(found["name"], found["version"])).value
        except AzureError as error:
            # The cause may hold the answer, and with it what is nobody's to read.
            raise Failure(f"Key Vault secret '{url}' cannot be read: {_reason(error)}") from None
        if value is None:
            raise Failure(f"Key Vault secret '{url}' cannot be read: it has no value")
        return value


def _reason(error: "AzureError") -> str:
    status = getattr(error, "status_code", None)
    if status is None:
        return f"no token, or no answer ({type(error).__name__})"
    return _REASONS.get(status, f"the vault answered {status}")


def _identity(client_id: str | None) -> "AsyncTokenCredential":
    from azure.identity import aio  # noqa: PLC0415  # as above

    return aio.ManagedIdentityCredential(client_id=client_id) if client_id else aio.DefaultAzureCredential()
