import json
from dataclasses import replace

import pytest
from registry_parts import get_raw, image, layer, noise, put_raw

from baselift.domain.builds import Failure

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


async def pushed(registries, repository, folder):
    """A base of two layers: its layers, and its reference by digest."""
    layers = [layer(folder, "bottom", noise(3000)), layer(folder, "empty", b"")]
    return layers, repository.at(await registries.publish(image(*layers), repository, None))


def without_file(layers):
    return [replace(each, tar=None) for each in layers]


async def test_layers_of_the_base_need_no_file_to_be_published(registries, registry, tmp_path):
    layers, base = await pushed(registries, registry.ref("fileless-base"), tmp_path)
    resolved = await registries.resolve(base, "linux/amd64")
    assert list(resolved.reusable) == [each.diff_id for each in layers]

    built = image(*without_file(layers), layer(tmp_path, "top", noise(3000)))
    digest = await registries.publish(built, registry.ref("fileless"), base)

    theirs = (await get_raw(registry.host, "fileless-base", base.digest))["layers"]
    assert (await get_raw(registry.host, "fileless", digest))["layers"][:2] == theirs


async def test_an_own_layer_with_the_content_of_one_of_the_bases_needs_no_file_either(registries, registry, tmp_path):
    layers, base = await pushed(registries, registry.ref("repeated-base"), tmp_path)
    bottom, empty = without_file(layers)

    digest = await registries.publish(image(bottom, empty, empty), registry.ref("repeated"), base)

    first, second, third = (await get_raw(registry.host, "repeated", digest))["layers"]
    assert second == third != first


async def test_a_layer_without_file_whose_base_is_gone_is_named(registries, registry, tmp_path):
    built = image(replace(layer(tmp_path, "f", b"x"), tar=None))
    base = registry.ref("gone-base").at(f"sha256:{'0' * 64}")
    with pytest.raises(
        Failure, match=f"layer {built.layers[0].diff_id} of the base image is no longer in its registry"
    ):
        await registries.publish(built, registry.ref("gone"), base)


async def test_a_base_with_a_layer_that_no_oci_manifest_may_name_is_not_reusable(registries, registry, tmp_path):
    _, base = await pushed(registries, registry.ref("foreign-base"), tmp_path)
    manifest = await get_raw(registry.host, "foreign-base", base.digest)
    manifest["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    manifest["layers"][0]["urls"] = ["https://example.com/layer"]
    digest = await put_raw(registry.host, "foreign-base", "foreign", json.loads(json.dumps(manifest)), MANIFEST)

    resolved = await registries.resolve(registry.ref("foreign-base").at(digest), "linux/amd64")

    assert list(resolved.reusable) == []
