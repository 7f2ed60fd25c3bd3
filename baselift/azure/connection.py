"""Where a storage account is and how to speak to it, from the settings an Azure Functions app has anyway."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline.transport import AioHttpTransport

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

SERVICES = ("blob", "queue", "table")
_DEVELOPMENT = "devstoreaccount1"
_DEVELOPMENT_PORTS = {"blob": 10000, "queue": 10001, "table": 10002}
# pragma: allowlist nextline secret
_DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's well-known key, the same on every machine."""
_IDLE = 4
"""Seconds a plain connection may idle: Azurite closes it after 5 without a word."""
_CONNECT, _READ = 5, 20
"""Seconds until a connection must be there, and the next bytes of an answer. A client that is given a transport asks
that one: timeouts among its own arguments would be passed over, and 300 seconds hold."""


class Account:
    """A storage account: the address of each service, its name, and a key or an identity.

    Nothing is opened before `options` is called on a running loop; `close` closes what was opened.
    """

    def __init__(
        self,
        name: str,
        urls: Mapping[str, str],
        key: str | None = None,
        identity: "Callable[[], AsyncTokenCredential] | None" = None,
    ) -> None:
        self.name = name
        self.urls = urls
        self.key = key
        self._identity = identity
        self._token: AsyncTokenCredential | None = None
        self._session: aiohttp.ClientSession | None = None

    def options(self) -> dict[str, Any]:
        """Keyword arguments every client takes: credential, and the shared connection pool with its timeouts."""
        if self._session is None:
            idle = 15 if self.urls["blob"].startswith("https:") else _IDLE
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(keepalive_timeout=idle),
                cookie_jar=aiohttp.DummyCookieJar(),
                # Where there is no proxy, aiohttp would find that out anew for each request, in two threads.
                trust_env=any(map(_proxied, self.urls.values())),
                auto_decompress=False,
            )
        return {
            "credential": self._credential(),
            "transport": AioHttpTransport(
                session=self._session, session_owner=False, connection_timeout=_CONNECT, read_timeout=_READ
            ),
        }

    async def close(self) -> None:
        """Close the connections. A later call of a client fails."""
        if self._session is not None:
            await self._session.close()
        if self._token is not None:
            await self._token.close()

    def _credential(self) -> "AzureNamedKeyCredential | AsyncTokenCredential":
        if self.key is not None:
            return AzureNamedKeyCredential(self.name, self.key)
        if self._token is None and self._identity is not None:
            self._token = self._identity()
        if self._token is None:
            raise ValueError(f"storage account {self.name}: neither a key nor an identity")
        return self._token


def account(settings: Mapping[str, str], connection: str = "AzureWebJobsStorage") -> Account:
    """The account a connection setting means, found as the Functions host finds it.

    `connection` names a setting with a connection string, or the prefix of identity settings (``X__accountName`` or
    ``X__blobServiceUri`` …, with ``X__credential`` ``managedidentity``, ``X__clientId``, ``X__tenantId``,
    ``X__clientSecret``). ``AzureWebJobsX`` comes before ``X``, each first under ``ConnectionStrings``; case does not
    count. Raises ValueError naming the setting that is missing or wrong.
    """
    known = {name.replace(":", "__").lower(): value for name, value in settings.items() if value}
    for name in (f"azurewebjobs{connection}".lower(), connection.lower()):
        for place in (f"connectionstrings__{name}", name):
            if place in known:
                return _from_string(connection, known[place])
            section = {key[len(place) + 2 :]: value for key, value in known.items() if key.startswith(f"{place}__")}
            if section:
                return _from_identity(connection, section)
    raise ValueError(
        f"setting {connection} is missing: a storage connection string, or {connection}__accountName for an identity"
    )


def _proxied(url: str) -> bool:
    """Whether the environment names a proxy for an address."""
    parts = urlsplit(url)
    return parts.scheme in getproxies() and not proxy_bypass(parts.hostname or "")


def _from_string(connection: str, text: str) -> Account:
    fields = dict(part.strip().split("=", 1) for part in text.split(";") if "=" in part)
    fields = {name.lower(): value for name, value in fields.items()}
    if fields.get("usedevelopmentstorage", "").lower() == "true":
        urls = {service: f"http://127.0.0.1:{port}/{_DEVELOPMENT}" for service, port in _DEVELOPMENT_PORTS.items()}
        return Account(_DEVELOPMENT, urls, _DEVELOPMENT_KEY)
    name, key = fields.get("accountname"), fields.get("accountkey")
    if not name or not _is_key(key):
        raise ValueError(f"setting {connection}: a connection string with AccountName and AccountKey (base64) is right")
    scheme, suffix = fields.get("defaultendpointsprotocol", "https"), fields.get("endpointsuffix", "core.windows.net")
    urls = {
        service: fields.get(f"{service}endpoint") or f"{scheme}://{name}.{service}.{suffix}" for service in SERVICES
    }
    return Account(name, _tidy(connection, urls), key)


def _is_key(key: str | None) -> bool:
    try:
        return bool(key and base64.b64decode(key, validate=True))
    except binascii.Error:
        return False


def _from_identity(connection: str, section: Mapping[str, str]) -> Account:
    name = section.get("accountname")
    urls = {}
    for service in SERVICES:
        url = section.get(f"{service}serviceuri") or (name and f"https://{name}.{service}.core.windows.net")
        if not url:
            raise ValueError(
                f"setting {connection}__{service}ServiceUri is missing ({connection}__accountName also does)"
            )
        urls[service] = url
    tidy = _tidy(connection, urls)
    host = tidy["blob"].split("/")[2]
    return Account(name or host.split(".")[0], tidy, identity=lambda: _identity(connection, section))


def _tidy(connection: str, urls: Mapping[str, str]) -> dict[str, str]:
    for service, url in urls.items():
        if not re.match(r"https?://[^/]", url):
            raise ValueError(f"setting {connection}: {service} endpoint {url!r}; an http or https address is right")
    tidy = {service: url.rstrip("/") for service, url in urls.items()}
    # The tables SDK takes every port of "localhost" for Cosmos DB, which has other rules.
    return {**tidy, "table": re.sub(r"^(https?://)localhost(?=[:/])", r"\g<1>127.0.0.1", tidy["table"])}


def _identity(connection: str, section: Mapping[str, str]) -> "AsyncTokenCredential":
    from azure.identity import aio  # noqa: PLC0415 - takes a third of a second, and only identities need it

    client, kind = section.get("clientid"), section.get("credential", "").lower()
    if kind == "managedidentity":
        return aio.ManagedIdentityCredential(client_id=client)
    if kind:
        raise ValueError(f"setting {connection}__credential is {kind!r}; managedidentity is right, or none")
    secret, tenant = section.get("clientsecret"), section.get("tenantid")
    if client and secret and tenant:
        return aio.ClientSecretCredential(tenant, client, secret)
    return aio.DefaultAzureCredential(managed_identity_client_id=client)
