"""A managed identity's tokens as proof of which app this is, where its registration trusts the identity.

https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity, which has
the audience of each cloud; the clouds' authorities are those of `baselift.access.entra.issuers`.
"""

from urllib.parse import urlsplit

from azure.core.exceptions import AzureError
from azure.identity import ManagedIdentityCredential

from baselift.domain.builds import Failure

_AUDIENCES = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.chinacloudapi.cn": "api://AzureADTokenExchangeChina",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}


def audience(authority: str) -> str:
    """What the token must be for, in the cloud of an authority."""
    return _AUDIENCES.get(urlsplit(authority).hostname or "", "api://AzureADTokenExchange")


class ExchangeToken:
    """Gives a token, which azure.identity keeps until it is old; blocks.

    Args:
        client_id: of the user-assigned identity.
        authority: base address of the issuer, which says in which cloud that is.
    """

    def __init__(self, client_id: str, authority: str) -> None:
        self._scope = f"{audience(authority)}/.default"
        self._credential = ManagedIdentityCredential(client_id=client_id)

    def __call__(self) -> str:
        """Raises Failure: no token came."""
        try:
            return str(self._credential.get_token(self._scope).token)
        except AzureError as error:
            raise Failure(
                f"the identity of BASELIFT_SIGN_IN_IDENTITY gives no token here ({type(error).__name__})"
            ) from None
