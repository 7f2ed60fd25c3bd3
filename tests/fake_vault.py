"""A Key Vault as its REST API is, over https by a certificate of its own, on this machine under its real name."""

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from baselift.azure.keyvault import KeyVault

HOST = "acme.vault.azure.net"
URL = f"https://{HOST}/secrets"
SUFFIXES = ("vault.azure.net", "vault.usgovcloudapi.net")
TOKEN = "an-identity's-token"  # pragma: allowlist secret
CHALLENGE = 'Bearer authorization="https://login.microsoftonline.com/{0}", resource="https://vault.azure.net"'
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
CODES = {403: "Forbidden", 404: "SecretNotFound", 500: "InternalError"}


@dataclass
class FakeVault:
    """Secrets by name: a text is the value, a number the status of a refusal."""

    secrets: dict[str, str | int]
    calls: list[str] = field(default_factory=list)
    """Paths that were asked for with a token."""
    identities: list[str | None] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, headers={"WWW-Authenticate": CHALLENGE.format(TENANT)})
        self.calls.append(request.path)
        name = request.path.split("/")[2]
        found = self.secrets.get(name, 404)
        if found == 302:
            return web.Response(status=302, headers={"Location": f"{URL}/other/1"})
        if isinstance(found, int):
            # As the real one may, it repeats what it was asked for.
            return web.json_response({"error": {"code": CODES[found], "message": f"marker-{name}"}}, status=found)
        return web.json_response({"value": found, "id": f"{URL}/{name}/1", "attributes": {"enabled": True}})

    def credential(self, client_id: str | None) -> "_Credential":
        self.identities.append(client_id)
        return _Credential(self)


@dataclass
class _Credential:
    vault: FakeVault

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.vault.scopes += scopes
        return AccessToken(TOKEN, int(datetime.now(UTC).timestamp()) + 3600)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Here(AbstractResolver):
    """Every name is this machine, at one port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
        _ = port, family
        here = {"host": "127.0.0.1", "port": self._port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [here | {"hostname": host}]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def vault(directory: Path, **secrets: str | int) -> AsyncIterator[tuple[FakeVault, KeyVault]]:
    """The vault with these secrets (``_`` in a name stands for ``-``), and our client of it."""
    fake = FakeVault({name.replace("_", "-"): value for name, value in secrets.items()})
    certificate = _certificate(directory)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    runner = web.ServerRunner(web.Server(fake))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=served)
    await site.start()
    port = runner.addresses[0][1]

    def options() -> dict[str, Any]:
        trusted = ssl.create_default_context(cafile=str(certificate))
        connector = aiohttp.TCPConnector(resolver=_Here(port), ssl=trusted)
        session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return {"transport": AioHttpTransport(session=session, session_owner=True)}

    try:
        yield fake, KeyVault(SUFFIXES, fake.credential, options)
    finally:
        await runner.cleanup()


def _certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]), datetime.now(UTC)
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = directory / "vault.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file
