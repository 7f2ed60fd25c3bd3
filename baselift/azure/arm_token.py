"""Tokens for Azure Resource Manager and other services, by this machine's identity."""

from typing import TYPE_CHECKING

from yarl import URL

from baselift.app.ports import Busy
from baselift.domain.builds import Failure

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


class ArmToken:
    """Gives a token for an endpoint; azure.identity keeps it until it is old. Belongs to the loop that first awaits it.

    Args:
        endpoint: of the Resource Manager, or another service; its origin is the audience.
        client_id: of the user-assigned identity; None for the machine's own.
        what: the token is for, for messages.
    """

    def __init__(self, endpoint: str, client_id: str | None, what: str = "the registry's build agents") -> None:
        self._scope = f"{URL(endpoint).origin()}/.default"
        self._client_id = client_id
        self._what = what
        self._credential: AsyncTokenCredential | None = None

    async def __call__(self) -> str:
        """Raises Failure: there is no identity here; Busy: no token came."""
        from azure.core.exceptions import AzureError  # noqa: PLC0415  # takes a while
        from azure.identity import CredentialUnavailableError, aio  # noqa: PLC0415

        if self._credential is None:
            self._credential = aio.DefaultAzureCredential(managed_identity_client_id=self._client_id)
        try:
            return (await self._credential.get_token(self._scope)).token
        except CredentialUnavailableError:
            raise Failure(f"no identity of this machine gives a token for {self._what}") from None
        except AzureError as error:
            raise Busy(f"no token for {self._what} ({type(error).__name__})") from None
