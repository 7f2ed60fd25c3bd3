"""Every request that a registry failed is told of, those that were made again included, and once each."""

from aiohttp import web
from registry_parts import QUICK, USER, Distribution, serving

from baselift.domain.builds import Credential, Failure
from baselift.registry.client import Registries

DIGEST = "sha256:" + "a" * 64


async def told_of(host: str, credential: Credential | None = None) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    client = Registries(
        plain_http_hosts=[host], retry=QUICK, failed=lambda error: told.append((error.registry, error.name))
    )
    try:
        await client.digest(Distribution(host, None).ref("app:1"), credential)
    except Failure:
        pass
    finally:
        await client.close()
    return told


async def test_attempts_that_are_made_again_are_told_of():
    answers = [429, 503]

    async def answer(_):
        return (
            web.Response(status=answers.pop(0)) if answers else web.Response(headers={"Docker-Content-Digest": DIGEST})
        )

    async with serving(answer) as host:
        assert await told_of(host) == [(host, "429"), (host, "503")]


async def test_a_registry_that_is_away_is_told_of_as_that():
    async def answer(_):
        return web.Response()

    async with serving(answer) as host:
        pass
    assert set(await told_of(host)) == {(host, "unreachable")}


async def test_a_token_server_s_refusal_is_told_of_once():
    async def answer(request):
        if request.path == "/token":
            return web.Response(status=403)
        realm = f'Bearer realm="http://{request.host}/token",service="r"'
        return web.Response(status=401, headers={"WWW-Authenticate": realm})

    async with serving(answer) as host:
        assert await told_of(host, USER) == [(host, "403")]


async def test_an_image_that_is_absent_is_no_error():
    async def answer(_):
        return web.Response(status=404)

    async with serving(answer) as host:
        assert await told_of(host) == []
