"""With an identity instead of a key: bearer tokens, and links signed by a user delegation key."""

import base64
import json
import os
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import aiohttp
import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob import _shared_access_signature as signatures
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from baselift.app.ports import Row
from baselift.azure.connection import Account
from baselift.azure.storage import Storage

from .conftest import SERVICES, Azurite, free_port, program, wait


class Identity:
    """Issues the tokens Azurite's ``--oauth basic`` takes: it reads issuer, audience and times, not the signature."""

    def __init__(self):
        self.asked = 0

    async def get_token(self, *scopes, **_options):
        self.asked += 1
        now = int(time.time())
        tenant = "ab1f708d-50f6-404c-a006-d71b2ac7a606"
        claims = {
            "aud": "https://storage.azure.com",
            "iss": f"https://sts.windows.net/{tenant}/",
            "iat": now - 60,
            "nbf": now - 60,
            "exp": now + 3600,
            "oid": "23657296-5cd5-45b0-a809-d972a7f4dfe1",
            "tid": tenant,
        }
        parts = ({"alg": "none", "typ": "JWT"}, claims, {})
        return AccessToken(".".join(_part(part) for part in parts), now + 3600)

    async def close(self):
        return None


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "azurite")])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """An Azurite that speaks https and takes bearer tokens; with the folder of its certificate."""
    folder = tmp_path_factory.mktemp("secure")
    _certificate(folder)
    part = Azurite("identity", base64.b64encode(os.urandom(64)).decode(), {each: free_port() for each in SERVICES})
    flags = [flag for each, port in part.ports.items() for flag in (f"--{each}Port", str(port))]
    flags += ["--oauth", "basic", "--cert", str(folder / "cert.pem"), "--key", str(folder / "key.pem")]
    process = subprocess.Popen(
        [program(), "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", str(folder), *flags],
        env={**os.environ, "AZURITE_ACCOUNTS": f"{part.name}:{part.key}"},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait(process, part.ports)
        yield part, folder
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
async def trusting(secure):
    context = ssl.create_default_context(cafile=secure[1] / "cert.pem")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), auto_decompress=False) as session:
        yield session


@pytest.fixture
def older_signatures(monkeypatch):
    """Signatures without the two empty fields that the SDK's version adds at the end, which Azurite does not know."""
    sign = signatures.sign_string
    monkeypatch.setattr(signatures, "sign_string", lambda key, text: sign(key, text.removesuffix("\n\n")))


@pytest.mark.usefixtures("older_signatures")
async def test_everything_works_by_identity(secure, trusting, name):
    part, _ = secure
    identity = Identity()
    urls = {each: f"https://127.0.0.1:{port}/{part.name}" for each, port in part.ports.items()}
    where = Account(part.name, urls, identity=lambda: identity)
    where._session = trusting  # trusts the certificate made here
    storage = Storage(where)
    await storage.tables.insert(name, Row("p", "k", {"n": 1}))
    assert (await storage.tables.get(name, "p", "k")).values == {"n": 1}
    await storage.queues.send(name, "text")
    await storage.blobs.create_log(name)
    await storage.blobs.append(name, b"text", await storage.blobs.lease(name, 60))
    first = await storage.blobs.read_url(name, 60)
    upload = await storage.blobs.upload_url(name, 60)
    assert "skoid=" in first
    delegation = storage.blobs._links._delegation
    for each in (first, await storage.blobs.read_url(name, 60)):
        async with trusting.get(each) as answer:
            assert (answer.status, await answer.read()) == (200, b"text")
    async with trusting.put(upload, data=b"source", headers={"x-ms-blob-type": "BlockBlob"}) as answer:
        assert answer.status == 201
    assert storage.blobs._links._delegation is delegation
    await storage.blobs.read_url(name, 3 * 24 * 3600)
    assert storage.blobs._links._delegation is not delegation
    assert identity.asked <= 6
    await storage.close()
