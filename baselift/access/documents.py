"""What clients read to find out where and how to log in."""

from typing import Any

from baselift.access.settings import AccessSettings, Mode


def cloud(settings: AccessSettings, base: str) -> dict[str, Any]:
    """The answer of ``metadata/endpoints``, from which `az cloud register` makes a cloud.

    The Azure CLI wants one object, not a list, and fails without the suffixes. An authority whose path is ``/adfs``
    keeps it from asking Microsoft's servers about this one.
    """
    entra = settings.mode is Mode.ENTRA
    return {
        "name": "Baselift",
        "resourceManager": base,
        "authentication": {
            "loginEndpoint": settings.authority if entra else f"{base}/adfs",
            "audiences": [settings.audiences[0]],
            "tenant": settings.tenant if entra else "adfs",
            "identityProvider": "AAD" if entra else "ADFS",
        },
        "suffixes": {"acrLoginServer": "azurecr.io", "keyVaultDns": "vault.azure.net", "storage": "core.windows.net"},
    }


def issuer(base: str) -> dict[str, Any]:
    """The answer of ``adfs/.well-known/openid-configuration`` (OpenID Connect Discovery 1.0, section 3).

    MSAL asks for the authorization endpoint too, although there is nothing at it.
    """
    return {
        "issuer": f"{base}/adfs",
        "token_endpoint": f"{base}/adfs/oauth2/token",
        "authorization_endpoint": f"{base}/adfs/oauth2/authorize",
        "device_authorization_endpoint": f"{base}/adfs/oauth2/devicecode",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["token"],
    }
