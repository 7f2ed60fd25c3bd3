"""Real registries, registries that misbehave, a token server, and images made by hand."""

import asyncio
import base64
import hashlib
import io
import json
import os
import re
import socket
import tarfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from baselift.domain.builds import Credential, Image, Layer
from baselift.domain.images import Reference
from baselift.registry.retry import Retry

USER = Credential("ci", "correct horse")
OTHER = Credential("other", "battery staple")
HTPASSWD = "ci:$2b$04$RN8MfePlybn84VkSIueR.OR/5EPiWYG4cI7U3eZUIfyiZzi2XJgU.\n"
QUICK = Retry(attempts=3, first=0.01, cap=2.0)
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Distribution:
    """A running docker-registry and its access log."""

    host: str
    log: Path

    def ref(self, name: str) -> Reference:
        repository, _, tag = name.partition(":")
        return Reference(self.host, repository, tag or None)

    async def requests(self, *words: str) -> list[str]:
        await asyncio.sleep(0.02)
        lines = self.log.read_text().splitlines()
        return [line for line in lines if ' HTTP/1.1" ' in line and all(word in line for word in words)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def distribution(home: Path, auth: dict | None = None, *, deletes: bool = False):
    home.mkdir(parents=True)
    settings = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(home / "data")}, "delete": {"enabled": deletes}},
        "http": {"addr": "127.0.0.1:0", "secret": "fixed"},
        **({"auth": auth} if auth else {}),
    }
    (home / "config.yml").write_text(json.dumps(settings))
    with (home / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "docker-registry", "serve", str(home / "config.yml"), stdout=log, stderr=log
        )
    try:
        yield Distribution(await listening(home / "log", process), home / "log")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def listening(log: Path, process: asyncio.subprocess.Process) -> str:
    """The address that the registry says it took."""
    for _ in range(1000):
        if found := re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text()):
            return found[1]
        assert process.returncode is None, log.read_text()
        await asyncio.sleep(0.02)
    raise AssertionError("the registry does not listen")


@asynccontextmanager
async def serving(handler):
    """A server of ours on a free port; yields host:port."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class TokenServer:
    """Signs RS256 tokens: for USER all, for OTHER all but ``secret``, for everybody pulling ``public``."""

    def __init__(self, bundle: Path) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.seconds = 300
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tokens")])
        start = datetime.now(UTC) - timedelta(hours=1)
        self._certificate = (
            x509.CertificateBuilder(name, name, self._key.public_key(), x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )
        bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        scopes = tuple(request.query.getall("scope", []))
        self.calls.append(scopes)
        login = request.headers.get("Authorization")
        users = {basic(user): user for user in (USER, OTHER)}
        known = users.get(login)
        if login and not known:
            return web.json_response({"details": "incorrect username or password"}, status=401)
        granted = [grant(scope) for scope in scopes if allowed(known, scope)]
        return web.json_response({"token": self._sign(request.query["service"], granted), "expires_in": self.seconds})

    def _sign(self, service: str, access: list) -> str:
        der = self._certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        now = int(time.time())
        claims = {"iss": "tests", "sub": "", "aud": service, "nbf": now - 9, "iat": now, "exp": now + 300}
        text = ".".join(coded(json.dumps(part).encode()) for part in (header, claims | {"access": access}))
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{coded(signature)}"


def basic(user: Credential) -> str:
    return "Basic " + base64.b64encode(f"{user.username}:{user.password}".encode()).decode()


def allowed(user: Credential | None, scope: str) -> bool:
    if user is None:
        return scope == "repository:public:pull"
    return user == USER or ":secret:" not in scope


def coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def grant(scope: str) -> dict:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(folder: Path, name: str, content: bytes) -> Layer:
    """A tar of one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.tar"
    path.write_bytes(buffer.getvalue())
    return Layer(sha(buffer.getvalue()), path)


def image(*layers: Layer, **config) -> Image:
    whole = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
        **config,
    }
    return Image(json.dumps(whole).encode(), layers, {"org.opencontainers.image.base.name": "docker.io/library/x:1"})


def noise(size: int) -> bytes:
    return os.urandom(size)


async def put_raw(host: str, repository: str, tag: str, document: dict, kind: str) -> str:
    """Store a manifest or index as it is; returns its digest."""
    body = json.dumps(document).encode()
    url = f"http://{host}/v2/{repository}/manifests/{tag}"
    async with (
        aiohttp.ClientSession() as session,
        session.put(url, data=body, headers={"Content-Type": kind}) as answer,
    ):
        assert answer.status == 201, await answer.text()
    return sha(body)


async def get_raw(host: str, repository: str, reference: str) -> dict:
    url = f"http://{host}/v2/{repository}/manifests/{reference}"
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Accept": OCI_MANIFEST}) as answer:
        assert answer.status == 200
        return json.loads(await answer.read())
