"""digest() and resolve() against a real registry."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from registry_parts import (
    OCI_INDEX,
    OCI_MANIFEST,
    QUICK,
    Distribution,
    free_port,
    get_raw,
    image,
    layer,
    noise,
    put_raw,
    serving,
    sha,
)

from baselift.domain.builds import Failure
from baselift.registry.client import Registries
from baselift.registry.errors import RegistryUnreachable


async def published(registries, registry, name, folder, **config):
    built = image(layer(folder, name.replace("/", "-"), noise(2000)), **config)
    digest = await registries.publish(built, registry.ref(name), None)
    return built, digest


def entry(digest, size, **platform):
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": size, "platform": platform}


@asynccontextmanager
async def indexed(registries, registry, name, folder, platforms):
    entries, digests = [], {}
    for platform in platforms:
        os, _, rest = platform.partition("/")
        architecture, _, variant = rest.partition("/")
        _, digest = await published(registries, registry, name, folder, os=os, architecture=architecture)
        found = {"os": os, "architecture": architecture} | ({"variant": variant} if variant else {})
        entries.append(entry(digest, 400, **found))
        digests[platform] = digest
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    yield await put_raw(registry.host, name, "1", index, OCI_INDEX), digests


async def test_an_absent_tag_and_an_absent_repository_have_no_digest(registries, registry, tmp_path):
    await published(registries, registry, "absent", tmp_path)
    assert await registries.digest(registry.ref("absent:nope")) is None
    assert await registries.digest(registry.ref("never-pushed:1")) is None
    assert await registries.resolve(registry.ref("never-pushed:1"), "linux/amd64") is None


async def test_a_tag_without_a_name_is_latest(registries, registry, tmp_path):
    _, digest = await published(registries, registry, "plain", tmp_path)
    await registries.tag(registry.ref("plain").at(digest), "latest")
    assert await registries.digest(registry.ref("plain")) == digest


async def test_a_single_manifest_resolves_to_itself_with_its_config_and_layers(registries, registry, tmp_path):
    built, digest = await published(registries, registry, "single", tmp_path, variant="v8")
    await registries.tag(registry.ref("single").at(digest), "1")
    found = await registries.resolve(registry.ref("single:1"), "linux/amd64")
    assert (found.digest, found.manifest_digest) == (digest, digest)
    assert found.config["rootfs"]["diff_ids"] == [built.layers[0].diff_id]
    assert len(found.layers) == 1


async def test_an_index_resolves_to_the_manifest_of_the_platform(registries, registry, tmp_path):
    there = ["linux/arm64/v8", "linux/amd64", "linux/arm/v6", "linux/arm/v7"]
    async with indexed(registries, registry, "multi", tmp_path, there) as (index, digests):
        for asked, expected in [
            ("linux/amd64", "linux/amd64"),
            ("linux/arm64", "linux/arm64/v8"),
            ("linux/arm64/v8", "linux/arm64/v8"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/v6", "linux/arm/v6"),
        ]:
            found = await registries.resolve(registry.ref("multi:1"), asked)
            assert (found.digest, found.manifest_digest) == (index, digests[expected])
        assert await registries.digest(registry.ref("multi:1")) == index


async def test_a_platform_that_an_index_lacks_is_refused_with_those_it_has(registries, registry, tmp_path):
    async with indexed(registries, registry, "few", tmp_path, ["linux/amd64", "linux/arm64/v8"]):
        with pytest.raises(Failure, match=r"no platform linux/s390x; it has: linux/amd64, linux/arm64/v8"):
            await registries.resolve(registry.ref("few:1"), "linux/s390x")


async def test_an_attestation_is_never_chosen(registries, registry, tmp_path):
    _, digest = await published(registries, registry, "attested", tmp_path)
    entries = [entry(digest, 400, os="unknown", architecture="unknown")]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    await put_raw(registry.host, "attested", "1", index, OCI_INDEX)
    with pytest.raises(Failure, match="it has: none"):
        await registries.resolve(registry.ref("attested:1"), "unknown/unknown")


async def test_an_alias_leads_to_the_real_registry(registry, registries, tmp_path):
    _, digest = await published(registries, registry, "aliased", tmp_path)
    client = Registries(plain_http_hosts=[registry.host], aliases={"acme.azurecr.io": registry.host}, retry=QUICK)
    try:
        ref = replace(registry.ref("aliased"), registry="acme.azurecr.io", digest=digest)
        assert await client.digest(ref) == digest
    finally:
        await client.close()


async def test_a_host_that_is_not_listed_is_never_spoken_to_over_http(registry):
    client = Registries(plain_http_hosts=["localhost"], retry=QUICK)
    try:
        with pytest.raises(RegistryUnreachable, match="TLS"):
            await client.digest(registry.ref("app:1"))
    finally:
        await client.close()


async def test_a_registry_that_is_down_is_unreachable(registries):
    gone = Distribution(f"127.0.0.1:{free_port()}", None)
    with pytest.raises(RegistryUnreachable) as caught:
        await registries.digest(gone.ref("app:1"))
    assert str(caught.value) == f"registry {gone.host} cannot be reached for the pull of app:1: connection refused"
    assert caught.value.transient


async def test_a_name_that_does_not_resolve_is_unreachable(registries):
    with pytest.raises(RegistryUnreachable, match=r"registry no\.such\.invalid cannot be reached"):
        await registries.digest(Distribution("no.such.invalid", None).ref("app:1"))


async def test_a_tag_moves_when_it_is_put_on_another_image(registries, registry, tmp_path):
    _, first = await published(registries, registry, "moving", tmp_path)
    _, other = await published(registries, registry, "moving", tmp_path)
    assert first != other
    for digest in (first, other, first):
        await registries.tag(registry.ref("moving").at(digest), "1")
        assert await registries.digest(registry.ref("moving:1")) == digest


async def test_the_same_tag_on_the_same_image_puts_nothing(registries, registry, tmp_path):
    _, digest = await published(registries, registry, "still", tmp_path)
    for _ in range(3):
        await registries.tag(registry.ref("still").at(digest), "1")
    assert len(await registry.requests('"PUT /v2/still/manifests/1 ')) == 1


async def test_another_client_can_tag_what_it_did_not_publish(registries, registry, tmp_path):
    _, digest = await published(registries, registry, "handed", tmp_path)
    other = Registries(plain_http_hosts=[registry.host], retry=QUICK)
    try:
        await other.tag(registry.ref("handed").at(digest), "1")
        with pytest.raises(Failure, match="is not there"):
            await other.tag(registry.ref("handed").at(sha(b"nothing")), "1")
        with pytest.raises(ValueError, match="a digest is needed"):
            await other.tag(registry.ref("handed:1"), "2")
    finally:
        await other.close()
    assert (await get_raw(registry.host, "handed", "1"))["mediaType"] == OCI_MANIFEST


async def test_docker_format_1_and_things_that_are_no_images_are_refused_by_name(registries):
    bodies = {
        "old": (b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        "chart": (b'{"schemaVersion": 2}', "application/vnd.example.chart"),
        "broken": (b"<html>", "text/html"),
        "fieldless": (b'{"config": 3, "layers": []}', OCI_MANIFEST),
    }

    async def answer(request):
        body, kind = bodies[request.path.split("/")[2]]
        return web.Response(body=body, headers={"Content-Type": kind})

    async with serving(answer) as host:
        there = Distribution(host, None)
        for name, words in [
            ("old", "manifest format 1"),
            ("chart", "not a container image: its media type is 'application/vnd.example.chart'"),
            ("broken", "the manifest is not a JSON object"),
            ("fieldless", "field config is not a descriptor"),
        ]:
            with pytest.raises(Failure, match=words):
                await registries.resolve(there.ref(f"{name}:1"), "linux/amd64")


async def test_a_tag_is_found_by_one_head_that_says_whether_it_is_an_index(registries, registry, tmp_path):
    _, digest = await published(registries, registry, "found", tmp_path)
    await registries.tag(registry.ref("found").at(digest), "1")
    found = await registries.find(registry.ref("found:1"))
    assert (found.digest, found.index, found.pause) == (digest, False, 0)
    assert await registries.platforms(registry.ref("found:1")) == {"": digest}
    async with indexed(registries, registry, "seen", tmp_path, ["linux/amd64", "linux/arm64/v8"]) as (index, digests):
        found = await registries.find(registry.ref("seen:1"))
        assert (found.digest, found.index) == (index, True)
        assert await registries.platforms(registry.ref("seen").at(index)) == digests
    assert await registries.find(registry.ref("found:absent")) is None
    assert await registries.platforms(registry.ref("found:absent")) is None
    assert not await registry.requests('"GET /v2/found/manifests/1 HTTP/1.1" 404')


async def test_an_index_in_an_index_is_opened_and_one_that_is_gone_is_named(registries, registry, tmp_path):
    async with indexed(registries, registry, "outer", tmp_path, ["linux/amd64", "linux/arm64/v8"]) as (inner, digests):
        nested = {"mediaType": OCI_INDEX, "digest": inner, "size": 400}
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [nested]}
        await put_raw(registry.host, "outer", "nested", index, OCI_INDEX)
        found = await registries.resolve(registry.ref("outer:nested"), "linux/arm64")
        assert found.manifest_digest == digests["linux/arm64/v8"]
        assert await registries.platforms(registry.ref("outer:nested")) == digests
