"""What several tests of access need: keys, requests, and an issuer of real tokens."""

import base64
import hashlib
import hmac
import json
import time
from contextlib import asynccontextmanager
from functools import cache

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from baselift.access.access import Access
from baselift.access.caller import Denied, Incoming, Role
from baselift.access.settings import load

TENANT = "3f0a9c52-5c5b-4f43-9d0f-6c3a2f9d1e77"
APPLICATION = "b1f5f1de-6b43-4f5c-8f5c-0d5c9a6f2f11"
AUDIENCE = f"api://{APPLICATION}"
FORM = "application/x-www-form-urlencoded"


def secret_key(number):
    return base64.b64encode(bytes([number]) * 32).decode()


@cache
def hashed(secret):
    """A hash at the least cost that is accepted: tests check many."""
    salt = secret.encode().ljust(16)
    value = hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return f"scrypt$16384$8$1${part(salt)}${part(value)}"


@cache
def rsa_key(name, bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def request(token=None, method="GET", url="https://app.example/subscriptions", **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    return Incoming(method, url, given)


async def denied(access, token=None, needs=Role.READER, **headers):
    """The denial that a request meets."""
    with pytest.raises(Denied) as caught:
        await access.check(request(token, **headers), needs)
    error = caught.value
    assert (error.challenge is not None) == (error.status == 401)
    assert token is None or len(token) < 8 or token not in f"{error.message}{error.challenge}"
    return error


def clients_access(*clients, keys=(1,), **env):
    """Access in mode clients; `clients` are ``(id, role, secret)``."""
    words = " ".join(f"{name}:{role}:{hashed(secret)}" for name, role, secret in clients)
    settings = load({"BASELIFT_ACCESS": "clients", "BASELIFT_CLIENTS": words, **env})
    return Access(settings, [secret_key(key) for key in keys])


async def token_of(access, name, secret, **more):
    """The answer of the token endpoint."""
    fields = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret, **more}
    return await access.log_in(FORM, "&".join(f"{key}={value}" for key, value in fields.items()).encode())


def part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def handmade(header, claims, secret=None):
    """A token that no library would make; without a secret its signature is empty."""
    signed = f"{part(header)}.{part(claims)}"
    signature = b"" if secret is None else hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{part(signature)}"


class Issuer:
    """A tenant's authority: its keys are at the address where Entra has them."""

    def __init__(self):
        self.keys = {"one": rsa_key("one")}
        self.asked = 0
        self.answer = None

    async def serve(self, _request):
        self.asked += 1
        if self.answer is not None:
            return web.Response(**self.answer)
        return web.json_response({"keys": [self.public(name, key) for name, key in self.keys.items()]})

    def public(self, name, key, **more):
        return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig", **more}

    def claims(self, **changes):
        now = int(time.time())
        claims = {
            "iss": f"{self.url}/{TENANT}/v2.0",
            "aud": AUDIENCE,
            "tid": TENANT,
            "sub": "subject",
            "azp": "some-client",
            "preferred_username": "ada@example.org",
            "roles": ["Baselift.Reader"],
            "iat": now - 10,
            "nbf": now - 10,
            "exp": now + 600,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, key=None, kid="one", alg="RS256", **changes):
        return jwt.encode(self.claims(**changes), key or self.keys[kid], alg, {"kid": kid})

    def access(self, **env):
        settings = {
            "BASELIFT_ACCESS": "entra",
            "BASELIFT_TENANT": TENANT,
            "BASELIFT_AUDIENCE": AUDIENCE,
            "BASELIFT_AUTHORITY": self.url,
        }
        return Access(load(settings | env), [secret_key(1)])


@asynccontextmanager
async def serving(application, **options):
    """Run an aiohttp application on a free port of this machine, and give the port."""
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, **options)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def issuing():
    issuer = Issuer()
    application = web.Application()
    application.router.add_get(f"/{TENANT}/discovery/v2.0/keys", issuer.serve)
    async with serving(application) as port:
        issuer.url = f"http://127.0.0.1:{port}"
        yield issuer
