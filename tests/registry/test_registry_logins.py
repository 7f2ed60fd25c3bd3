"""Basic and Bearer, against registries that check them."""

import base64
import logging

import pytest
from aiohttp import web
from registry_parts import OTHER, QUICK, USER, Distribution, get_raw, image, layer, noise, serving  # noqa: F401
from yarl import URL

from baselift.domain.builds import Credential
from baselift.domain.images import parse
from baselift.registry.auth import Challenge, Token, challenges
from baselift.registry.client import Registries
from baselift.registry.errors import RegistryError
from baselift.registry.hosts import Hosts, pulling

WRONG = Credential("ci", "not-the-password")


async def test_a_password_registry_lets_the_user_push_tag_and_pull(registries, locked, tmp_path):
    digest = await registries.publish(image(layer(tmp_path, "f", noise(900))), locked.ref("app"), None, USER)
    await registries.tag(locked.ref("app").at(digest), "1", USER)
    assert await registries.digest(locked.ref("app:1"), USER) == digest
    refused = len(await locked.requests(" 401 "))
    await registries.publish(image(layer(tmp_path, "g", noise(900))), locked.ref("app"), None, USER)
    assert len(await locked.requests(" 401 ")) == refused


async def test_a_wrong_password_is_refused_in_the_registrys_words(registries, locked, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RegistryError) as caught:
        await registries.resolve(locked.ref("app:1"), "linux/amd64", WRONG)
    expected = "refused the pull of app:1 to user 'ci': UNAUTHORIZED: authentication required"
    assert str(caught.value) == f"registry {locked.host} {expected}"
    assert (caught.value.status, caught.value.code, caught.value.transient) == (401, "UNAUTHORIZED", False)
    assert WRONG.password not in caplog.text + repr(caught.value)


async def test_a_registry_that_wants_a_password_says_so_when_there_is_none(registries, locked):
    with pytest.raises(RegistryError, match="wants a user and a password, and none is set for it"):
        await registries.digest(locked.ref("app:1"))


async def test_tokens_are_asked_for_once_per_scope(registries, guarded, tokens, tmp_path):
    tokens.calls.clear()
    digest = await registries.publish(image(layer(tmp_path, "f", noise(900))), guarded.ref("app"), None, USER)
    await registries.tag(guarded.ref("app").at(digest), "1", USER)
    for _ in range(5):
        assert await registries.digest(guarded.ref("app:1"), USER) == digest
    assert tokens.calls == [("repository:app:pull,push",), ("repository:app:pull",)]


async def test_a_mount_asks_for_both_repositories(registries, guarded, tokens, tmp_path):
    bottom = layer(tmp_path, "bottom", noise(900))
    base = await registries.publish(image(bottom), guarded.ref("base"), None, USER)
    tokens.calls.clear()
    built = image(bottom, layer(tmp_path, "top", noise(900)))
    await registries.publish(built, guarded.ref("app"), guarded.ref("base").at(base), USER, USER)
    assert ("repository:app:pull,push", "repository:base:pull") in tokens.calls
    assert len(await guarded.requests('"POST /v2/app/blobs/uploads/?mount=', '" 201 ')) == 1


async def test_a_base_that_the_pushing_user_may_not_read_is_copied_with_its_own_login(registries, guarded, tmp_path):
    bottom = layer(tmp_path, "bottom", noise(900))
    base = await registries.publish(image(bottom), guarded.ref("secret"), None, USER)
    built = image(bottom, layer(tmp_path, "top", noise(900)))
    await registries.publish(built, guarded.ref("taken"), guarded.ref("secret").at(base), OTHER, USER)
    assert not await guarded.requests('"POST /v2/taken/blobs/uploads/?mount=', '" 201 ')
    assert len(await guarded.requests('"PUT /v2/taken/blobs/', '" 201 ')) == 3


async def test_anonymous_pull_works_where_the_token_server_allows_it(registries, guarded, tmp_path):
    digest = await registries.publish(image(layer(tmp_path, "f", b"x")), guarded.ref("public"), None, USER)
    assert await registries.digest(guarded.ref("public").at(digest)) == digest
    with pytest.raises(RegistryError, match=r"refused the pull of private:1 without a login: 401 Unauthorized"):
        await registries.digest(guarded.ref("private:1"))


async def test_a_user_name_that_basic_cannot_carry_is_named(registries, locked):
    with pytest.raises(RegistryError, match="the user name 'a:b' set for it holds a ':'"):
        await registries.digest(locked.ref("app:1"), Credential("a:b", "x"))


async def test_one_callers_token_is_never_used_for_another(registries, guarded, tmp_path):
    digest = await registries.publish(image(layer(tmp_path, "f", b"x")), guarded.ref("mine"), None, USER)
    ref = guarded.ref("mine").at(digest)
    assert await registries.digest(ref, USER) == digest
    with pytest.raises(RegistryError, match="to user 'ci': incorrect username or password"):
        await registries.digest(ref, WRONG)


async def test_a_token_that_ran_out_is_replaced(registries, guarded, tokens, tmp_path, monkeypatch):
    digest = await registries.publish(image(layer(tmp_path, "f", b"x")), guarded.ref("short"), None, USER)
    monkeypatch.setattr(tokens, "seconds", 0.001)
    tokens.calls.clear()
    for _ in range(3):
        assert await registries.digest(guarded.ref("short").at(digest), USER) == digest
    assert len(tokens.calls) == 3


async def test_a_token_that_the_registry_no_longer_takes_is_replaced(registries):
    valid = ["one"]

    async def answer(request):
        if request.path == "/token":
            return web.json_response({"token": valid[-1]})
        if request.headers.get("Authorization") == f"Bearer {valid[-1]}":
            return web.Response(headers={"Docker-Content-Digest": "sha256:" + "a" * 64})
        challenge = f'Bearer realm="http://{request.host}/token",service="s"'
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    async with serving(answer) as host:
        ref = Distribution(host, None).ref("app:1")
        assert await registries.digest(ref)
        valid.append("two")
        assert await registries.digest(ref)


async def test_a_token_server_is_spoken_to_over_http_only_on_a_plain_host(registries):
    for realm in ("http://tokens.example/token", "ftp://127.0.0.1/", "nonsense", ""):

        async def answer(_, realm=realm):
            return web.Response(status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})

        async with serving(answer) as host:
            with pytest.raises(RegistryError, match=r"\(realm\)"):
                await registries.digest(Distribution(host, None).ref("app:1"), USER)


async def test_an_https_registry_cannot_send_the_login_to_an_http_token_server(registries):
    access = pulling(Hosts(["127.0.0.1"]), parse("registry.example/app:1"), USER)
    with pytest.raises(RegistryError, match=r"its token server \(realm\) is not https"):
        await registries._transport.fetch_token(access, URL("http://127.0.0.1:1/token"), "Basic eA==")


async def test_a_registry_with_an_identity_takes_its_tokens_from_there():
    seen = []

    class Identity:
        async def token(self, access, challenge: Challenge) -> Token:
            seen.append((access.scopes, challenge.parameters["service"]))
            return Token("from-identity", 60)

    async def answer(request):
        if request.headers.get("Authorization") == "Bearer from-identity":
            return web.Response(headers={"Docker-Content-Digest": "sha256:" + "a" * 64})
        return web.Response(
            status=401, headers={"WWW-Authenticate": 'Bearer realm="https://x/oauth2/token",service="x"'}
        )

    async with serving(answer) as host:
        client = Registries(plain_http_hosts=[host], token_sources={host: Identity()}, retry=QUICK)
        try:
            assert await client.digest(Distribution(host, None).ref("app:1"))
        finally:
            await client.close()
    assert seen == [(("repository:app:pull",), "x")]


async def test_a_password_that_the_registry_echoes_is_hidden(registries):
    async def answer(request):
        if login := request.headers.get("Authorization"):
            said = base64.b64decode(login.split()[1]).decode()
            return web.json_response({"errors": [{"code": "DENIED", "message": f"bad\nlogin {said}"}]}, status=403)
        return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match=r"DENIED: bad login ci:\*\*\*$"):
            await registries.resolve(Distribution(host, None).ref("app:1"), "linux/amd64", USER)


def test_challenges_are_read_in_all_their_spellings():
    read = challenges(['Basic realm="a, b", Bearer realm="https://t/x",service=s , scope="a:b:pull,push"', "Negotiate"])
    assert [each.scheme for each in read] == ["basic", "bearer", "negotiate"]
    assert read[0].parameters == {"realm": "a, b"}
    assert read[1].parameters == {"realm": "https://t/x", "service": "s", "scope": "a:b:pull,push"}
    assert challenges(['Bearer realm="say \\"x\\""', ",,,", "="])[0].parameters == {"realm": 'say "x"'}
