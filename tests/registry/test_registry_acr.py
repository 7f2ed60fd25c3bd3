"""A cloud identity at ACR: the exchange as ACR documents it, on a server of ours."""

import json
import time
from types import SimpleNamespace

import pytest
from aiohttp import web
from azure.core.exceptions import ClientAuthenticationError
from registry_parts import QUICK, USER, Distribution, basic, coded, serving

from baselift.registry.acr import IdentityTokens
from baselift.registry.client import Registries
from baselift.registry.errors import RegistryError, RegistryUnreachable

DIGEST = "sha256:" + "a" * 64


def jwt(name: str, seconds: float) -> str:
    return f"h.{coded(json.dumps({'exp': time.time() + seconds, 'n': name}).encode())}.s"


class Identity:
    def __init__(self, token: str) -> None:
        self.token, self.asked = token, []

    async def get_token(self, *scopes: str):
        self.asked.append(scopes)
        return SimpleNamespace(token=self.token)


class Acr:
    def __init__(self) -> None:
        self.calls = []
        self.refresh, self.access = jwt("refresh", 3600), jwt("access", 3600)

    async def __call__(self, request):
        form = dict(await request.post())
        self.calls.append((request.method, request.path))
        if request.path == "/oauth2/exchange":
            return self.answer(form.pop("access_token") == "entra", {"refresh_token": self.refresh})
        if request.path == "/oauth2/token" and request.method == "POST":
            assert form["scope"] == "repository:app:pull"
            return self.answer(form["refresh_token"] == self.refresh, {"access_token": self.access})
        if request.path == "/oauth2/token":
            known = request.headers["Authorization"] == basic(USER)
            return self.answer(known, {"access_token": self.access})
        if request.headers.get("Authorization") == f"Bearer {self.access}":
            return web.Response(headers={"Docker-Content-Digest": DIGEST})
        challenge = f'Bearer realm="http://{request.host}/oauth2/token",service="acme.azurecr.io"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    def answer(self, good: object, body: dict) -> web.Response:
        refused = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return web.json_response(body) if good else web.json_response(refused, status=401)


async def with_identity(acr, identity, work):
    async with serving(acr) as host:
        client = Registries(plain_http_hosts=[host], token_sources={host: IdentityTokens(identity)}, retry=QUICK)
        try:
            return await work(client, Distribution(host, None).ref("app:1"))
        finally:
            await client.close()


async def test_an_identity_is_exchanged_once_for_many_requests():
    acr, identity = Acr(), Identity("entra")

    async def work(client, ref):
        assert [await client.digest(ref) for _ in range(3)] == [DIGEST] * 3

    await with_identity(acr, identity, work)
    assert acr.calls[1:3] == [("POST", "/oauth2/exchange"), ("POST", "/oauth2/token")]
    assert len(acr.calls) == 6
    assert identity.asked == [("https://containerregistry.azure.net/.default",)]


async def test_an_identity_without_rights_is_refused_without_its_token_in_the_message():
    async def work(client, ref):
        with pytest.raises(
            RegistryError, match="app:1 to the cloud identity: UNAUTHORIZED: authentication required"
        ) as caught:
            await client.digest(ref)
        assert "stolen" not in str(caught.value)

    await with_identity(Acr(), Identity("stolen"), work)


async def test_an_identity_that_gives_no_token_is_to_be_asked_again_later():
    class Away:
        async def get_token(self, *_):
            raise ClientAuthenticationError("no managed identity endpoint")

    async def work(client, ref):
        with pytest.raises(RegistryUnreachable, match=r"gave no token \(ClientAuthenticationError\)"):
            await client.digest(ref)

    await with_identity(Acr(), Away(), work)


async def test_a_credential_of_the_call_goes_before_the_identity():
    acr, identity = Acr(), Identity("entra")

    async def work(client, ref):
        assert await client.digest(ref, USER) == DIGEST

    await with_identity(acr, identity, work)
    assert ("GET", "/oauth2/token") in acr.calls
    assert identity.asked == []


async def test_a_refresh_token_that_ran_out_is_replaced():
    acr, identity = Acr(), Identity("entra")

    async def work(client, ref):
        acr.refresh = jwt("refresh", -5)
        await client.digest(ref)
        acr.access = jwt("another", 3600)
        await client.digest(ref)

    await with_identity(acr, identity, work)
    assert len(identity.asked) == 2


async def test_an_exchange_that_gives_no_token_is_a_wrong_answer():
    acr = Acr()
    acr.refresh = None

    async def work(client, ref):
        with pytest.raises(RegistryError, match="its /oauth2/exchange gave no refresh_token"):
            await client.digest(ref)

    await with_identity(acr, Identity("entra"), work)
