"""publish(): what is uploaded, mounted, copied, and what is left alone."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import PosixPath

import pytest
from registry_parts import QUICK, get_raw, image, layer, noise, put_raw

from baselift.domain.builds import Failure, Image, Layer
from baselift.registry.client import Registries
from baselift.registry.layers import file_chunks

DOCKER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def layers_of(manifest):
    return [each["digest"] for each in manifest["layers"]]


async def based(registries, where, folder, name):
    """A base in `where`, and an image of two layers on it."""
    bottom = layer(folder, "bottom", noise(3000))
    base = await registries.publish(image(bottom), where.ref(f"{name}-base"), None)
    return image(bottom, layer(folder, "top", noise(3000))), where.ref(f"{name}-base").at(base)


async def test_the_same_image_has_the_same_digest_wherever_it_is_pushed(registries, registry, second, tmp_path):
    content = noise(50_000)
    one = image(layer(tmp_path / "a", "f", content))
    two = image(layer(tmp_path / "b", "f", content))
    digests = {
        await registries.publish(one, registry.ref("same"), None),
        await registries.publish(two, registry.ref("same"), None),
        await registries.publish(two, second.ref("elsewhere"), None),
    }
    assert len(digests) == 1
    assert len(await registry.requests('"PUT /v2/same/blobs/')) == 2


async def test_publishing_sets_no_tag_and_leaves_no_file(registries, registry, tmp_path):
    built = image(layer(tmp_path, "f", noise(3000)))
    digest = await registries.publish(built, registry.ref("untagged:1"), None)
    assert await registries.digest(registry.ref("untagged:1")) is None
    assert await registries.digest(registry.ref("untagged").at(digest)) == digest
    assert [each.name for each in tmp_path.iterdir()] == ["f.tar"]


async def test_the_manifest_carries_the_annotations_and_oci_types(registries, registry, tmp_path):
    digest = await registries.publish(image(layer(tmp_path, "f", b"x")), registry.ref("noted"), None)
    manifest = await get_raw(registry.host, "noted", digest)
    assert manifest["annotations"] == {"org.opencontainers.image.base.name": "docker.io/library/x:1"}
    assert manifest["layers"][0]["mediaType"] == OCI_GZIP
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"


async def test_base_layers_are_mounted_within_a_registry(registries, registry, tmp_path):
    built, base = await based(registries, registry, tmp_path, "mounted")
    digest = await registries.publish(built, registry.ref("mounted"), base)
    mine = layers_of(await get_raw(registry.host, "mounted", digest))
    theirs = layers_of(await get_raw(registry.host, "mounted-base", base.digest))
    assert mine[:1] == theirs
    assert len(mine) == 2
    assert len(await registry.requests('"POST /v2/mounted/blobs/uploads/?mount=', '" 201 ')) == 1
    assert len(await registry.requests('"PUT /v2/mounted/blobs/')) == 2


async def test_base_layers_are_copied_from_another_registry(registries, registry, second, tmp_path):
    built, base = await based(registries, second, tmp_path, "copied")
    built.layers[0].tar.unlink()
    digest = await registries.publish(built, registry.ref("copied"), base)
    theirs = layers_of(await get_raw(second.host, "copied-base", base.digest))
    assert layers_of(await get_raw(registry.host, "copied", digest))[:1] == theirs
    assert len(await registry.requests('"PUT /v2/copied/blobs/', '" 201 ')) == 3


async def test_layers_that_are_there_are_not_sent_again(registries, registry, second, tmp_path):
    built, base = await based(registries, second, tmp_path, "again")
    first = await registries.publish(built, registry.ref("again"), base)
    sent = len(await registry.requests("/v2/again/blobs/uploads/"))
    assert await registries.publish(built, registry.ref("again"), base) == first
    assert len(await registry.requests("/v2/again/blobs/uploads/")) == sent


async def test_an_image_that_does_not_start_with_the_base_sends_its_own_layers(registries, registry, tmp_path):
    _, base = await based(registries, registry, tmp_path, "squashed")
    digest = await registries.publish(image(layer(tmp_path, "all", noise(900))), registry.ref("squashed"), base)
    assert len((await get_raw(registry.host, "squashed", digest))["layers"]) == 1
    assert not await registry.requests('"POST /v2/squashed/blobs/uploads/?mount=')


async def test_a_base_that_is_gone_costs_an_upload_and_no_more(registries, registry, tmp_path):
    built, base = await based(registries, registry, tmp_path, "purged")
    gone = replace(base, digest="sha256:" + "0" * 64)
    digest = await registries.publish(built, registry.ref("purged"), gone)
    assert len((await get_raw(registry.host, "purged", digest))["layers"]) == 2


async def test_layers_of_a_docker_base_get_their_oci_type(registries, registry, tmp_path):
    built, base = await based(registries, registry, tmp_path, "docker")
    manifest = await get_raw(registry.host, "docker-base", base.digest)
    manifest["mediaType"] = DOCKER_MANIFEST
    manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
    manifest["layers"][0]["mediaType"] = DOCKER_GZIP
    docker = await put_raw(registry.host, "docker-base", "d", manifest, DOCKER_MANIFEST)
    digest = await registries.publish(built, registry.ref("docker"), replace(base, digest=docker))
    mine = await get_raw(registry.host, "docker", digest)
    assert [each["mediaType"] for each in mine["layers"]] == [OCI_GZIP, OCI_GZIP]
    assert layers_of(mine)[:1] == layers_of(manifest)


async def test_two_equal_layers_are_sent_once(registries, registry, tmp_path):
    twice = layer(tmp_path, "f", noise(900))
    digest = await registries.publish(image(twice, twice), registry.ref("twice"), None)
    first, other = layers_of(await get_raw(registry.host, "twice", digest))
    assert first == other


async def test_a_layer_that_changed_on_disk_is_not_pushed(registries, registry, tmp_path):
    built = image(layer(tmp_path, "f", noise(5000)))
    built.layers[0].tar.write_bytes(b"torn")
    with pytest.raises(Failure, match="on disk is not the layer that was built"):
        await registries.publish(built, registry.ref("torn"), None)
    assert not await registry.requests('"PUT /v2/torn/manifests/')
    assert [each.name for each in tmp_path.iterdir()] == ["f.tar"]


async def test_a_layer_that_is_missing_on_disk_is_named(registries, registry, tmp_path):
    built = image(layer(tmp_path, "f", b"x"))
    built.layers[0].tar.unlink()
    with pytest.raises(Failure, match=f"layer {built.layers[0].diff_id} cannot be compressed: No such file"):
        await registries.publish(built, registry.ref("lost"), None)


@pytest.mark.parametrize("config", [b"[]", b"{}", b"no json", json.dumps({"rootfs": {"diff_ids": [1]}}).encode()])
async def test_a_config_that_is_no_image_config_is_refused(registries, registry, config):
    with pytest.raises(Failure, match="the built image cannot be pushed: the image config has no list of digests"):
        await registries.publish(Image(config, [], {}), registry.ref("odd"), None)


async def test_a_config_with_other_layers_is_refused(registries, registry, tmp_path):
    one, two = layer(tmp_path, "one", b"1"), layer(tmp_path, "two", b"2")
    with pytest.raises(Failure, match="do not belong together"):
        await registries.publish(replace(image(one), layers=[two]), registry.ref("mixed"), None)


async def test_a_cancelled_publish_leaves_no_file_behind(registry, tmp_path):
    client = Registries(plain_http_hosts=[registry.host], retry=QUICK)
    built = image(layer(tmp_path, "big", noise(30_000_000)))
    task = asyncio.create_task(client.publish(built, registry.ref("cancelled"), None))
    while not list(tmp_path.glob("*.gz")):
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.close()
    assert [each.name for each in tmp_path.iterdir()] == ["big.tar"]
    assert not await registry.requests('"PUT /v2/cancelled/manifests/')


async def test_a_cancelled_read_of_a_layer_leaves_no_file_open(tmp_path):
    opened = []

    class SlowPath(PosixPath):
        def open(self, *args, **kwargs):
            time.sleep(0.05)
            opened.append(super().open(*args, **kwargs))
            return opened[-1]

    path = SlowPath(tmp_path / "layer.gz")
    path.write_bytes(b"content")
    opened.clear()
    reading = asyncio.create_task(anext(file_chunks(path)))
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.sleep(0.2)
    assert [each.closed for each in opened] == [True]


async def test_many_layers_arrive_in_their_order(registries, registry, tmp_path):
    many: list[Layer] = [layer(tmp_path, f"l{i}", noise(400)) for i in range(12)]
    digest = await registries.publish(image(*many), registry.ref("many"), None)
    found = await registries.resolve(registry.ref("many").at(digest), "linux/amd64")
    assert found.config["rootfs"]["diff_ids"] == [each.diff_id for each in many]
    assert len(set(found.layers)) == 12
