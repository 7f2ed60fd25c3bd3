"""Deleting tags and images: what a registry allows, and what is known before."""

import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from registry_parts import OCI_INDEX, OCI_MANIFEST, QUICK, USER, distribution, image, noise, serving

from baselift.domain.images import Reference
from baselift.registry import deletion
from baselift.registry.client import Registries
from baselift.registry.errors import RegistryError, RegistryUnreachable

DIGEST = "sha256:" + "a" * 64


@pytest.fixture(scope="session")
async def deletable(homes):
    """As `registry`, and images may be deleted."""
    async with distribution(homes / "deletable", deletes=True) as running:
        yield running


async def pushed(registries: Registries, host: str, *tags: str, repository: str = "app", credential=None) -> Reference:
    target = Reference(host, repository)
    digest = await registries.publish(image(comment=noise(8).hex()), target, None, credential)
    for tag in tags:
        await registries.tag(target.at(digest), tag, credential)
    return target.at(digest)


async def raw(host: str, path: str, body: object, kind: str) -> None:
    headers = {"Content-Type": kind}
    url = f"http://{host}/v2/{path}"
    async with aiohttp.ClientSession() as session, session.put(url, data=json.dumps(body), headers=headers) as answer:
        assert answer.status == 201


async def test_a_registry_that_deletes_no_single_tag_says_so_and_deletes_nothing(registries, deletable):
    made = await pushed(registries, deletable.host, "1", "2", repository="single")
    assert not await registries.untag(deletable.ref("single:1"))
    assert await registries.digest(deletable.ref("single:1")) == made.digest


async def test_an_image_goes_with_its_tags_and_may_be_gone_already(registries, deletable):
    made = await pushed(registries, deletable.host, "1", "2", repository="whole")
    for _ in range(2):
        await registries.delete(made)
        assert await registries.digest(deletable.ref("whole:2")) is None
    assert await registries.standing(Reference(deletable.host, "whole"), 10) == {}
    # What was deleted is not taken for being there.
    with pytest.raises(RegistryError, match="is not there"):
        await registries.tag(made, "3")


async def test_a_registry_in_which_nothing_may_be_deleted_is_named_with_what_to_do(registries, registry):
    made = await pushed(registries, registry.host, "1", repository="kept")
    assert not await registries.untag(registry.ref("kept:1"))
    with pytest.raises(RegistryError, match=rf"{registry.host} deletes nothing: .*storage\.delete\.enabled") as refused:
        await registries.delete(made)
    assert not refused.value.transient
    assert await registries.digest(registry.ref("kept:1")) == made.digest


async def test_the_right_to_delete_is_asked_for(registries, guarded, tokens):
    made = await pushed(registries, guarded.host, "1", repository="asked", credential=USER)
    assert not await registries.untag(guarded.ref("asked:1"), USER)
    assert ("repository:asked:pull,delete",) in tokens.calls
    with pytest.raises(RegistryError, match="deletes nothing"):
        await registries.delete(made, USER)


async def test_an_index_stands_for_what_it_needs_also_through_another(registries, registry):
    one, two = [await pushed(registries, registry.host, tag, repository="many") for tag in ("one", "two")]

    async def index(tag: str, kind: str, digest: str) -> str:
        entries = [{"mediaType": kind, "digest": digest, "size": 1}]
        await raw(
            registry.host,
            f"many/manifests/{tag}",
            {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries},
            OCI_INDEX,
        )
        return str(await registries.digest(registry.ref(f"many:{tag}")))

    inner = await index("inner", OCI_MANIFEST, one.digest)
    outer = await index("outer", OCI_INDEX, inner)
    assert await registries.standing(Reference(registry.host, "many"), 4) == {
        "one": [one.digest],
        "two": [two.digest],
        "inner": [inner, one.digest],
        "outer": [outer, inner, one.digest],
    }
    assert await registries.standing(Reference(registry.host, "many"), 3) is None


async def test_a_list_of_tags_is_read_to_its_end_and_at_its_own_host_only(registries):
    links = {"n=1000": "</v2/app/tags/list?last=b>; rel=next", "last=b": "<http://127.0.0.1:1/v2/x>; rel=next"}

    async def answer(request):
        if request.method == "HEAD":
            return web.Response(headers={"Docker-Content-Digest": DIGEST, "Content-Type": OCI_MANIFEST})
        tags = ["a", "b"] if request.query_string == "n=1000" else ["c"]
        return web.json_response({"tags": tags}, headers={"Link": links.get(request.query_string, "")})

    async with serving(answer) as host:
        with pytest.raises(RegistryError, match="another host"):
            await registries.standing(Reference(host, "app"), 10)
        del links["last=b"]
        found = await registries.standing(Reference(host, "app"), 10)
    assert found == {tag: [DIGEST] for tag in "abc"}


@asynccontextmanager
async def answering(delete: int, head: int = 404):
    calls = []

    async def answer(request):
        calls.append(f"{request.method} {request.path}")
        found = {"Docker-Content-Digest": DIGEST, "Content-Type": OCI_MANIFEST}
        return web.Response(status=delete if request.method == "DELETE" else head, headers=found)

    async with serving(answer) as host:
        yield host, calls


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_a_registry_that_deletes_single_tags_is_asked_once(registries, status):
    async with answering(status) as (host, calls):
        assert await registries.untag(Reference(host, "app", "1"))
    assert calls == ["DELETE /v2/app/manifests/1"]


@pytest.mark.parametrize(("status", "head", "done"), [(404, 404, True), (404, 200, False), (400, 200, False)])
async def test_not_found_is_done_only_where_it_is_gone(registries, status, head, done):
    async with answering(status, head) as (host, _):
        assert await registries.untag(Reference(host, "app", "1")) is done


async def test_azure_container_registry_has_an_address_of_its_own_for_it(registries, monkeypatch):
    monkeypatch.setattr(deletion, "SUFFIXES", ("127.0.0.1",))
    async with answering(202) as (host, calls):
        assert await registries.untag(Reference(host, "some/app", "1"))
    assert calls == ["DELETE /acr/v1/some/app/_tags/1"]
    async with answering(405) as (host, calls):
        with pytest.raises(RegistryError, match="refused the deletion of app:1"):
            await registries.untag(Reference(host, "app", "1"))


async def test_a_deletion_is_not_made_again_after_a_pause():
    client = Registries(plain_http_hosts=["127.0.0.1"], retry=QUICK, timeout=5)
    try:
        async with answering(503) as (host, calls):
            with pytest.raises(RegistryError) as failed:
                await client.untag(Reference(host, "app", "1"))
            with pytest.raises(RegistryError):
                await client.delete(Reference(host, "app").at(DIGEST))
        assert failed.value.transient
        assert len(calls) == 2
        with pytest.raises(RegistryUnreachable):
            await client.untag(Reference(host, "app", "1"))
    finally:
        await client.close()
