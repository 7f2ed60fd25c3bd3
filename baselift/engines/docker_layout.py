"""An image that a run built, as the OCI layout in a tar that a Docker engine loads (image-spec, image-layout.md)."""

import asyncio
import hashlib
import json
import tarfile
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from baselift.domain.builds import Failure, Image, Layer

_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_NAME: Final = "io.containerd.image.name"
_CHUNK: Final = 1 << 20


async def stream(image: Image, name: str) -> AsyncIterator[bytes]:
    """The tar, in which the image is called `name`.

    Raises:
        Failure: a layer has no file.
    """
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, image.config),
            "layers": [_of_layer(each) for each in image.layers],
        }
    ).encode()
    entry = {**_descriptor(_MANIFEST, manifest), "annotations": {_NAME: name}}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    yield _member("oci-layout", b'{"imageLayoutVersion": "1.0.0"}') + _member("index.json", index)
    yield _member(_blob(_digest(manifest)), manifest) + _member(_blob(_digest(image.config)), image.config)
    for layer in {each.diff_id: each for each in image.layers}.values():
        async for chunk in _file(layer):
            yield chunk
    yield bytes(2 * tarfile.BLOCKSIZE)


async def _file(layer: Layer) -> AsyncIterator[bytes]:
    if layer.tar is None:
        raise Failure(f"layer {layer.diff_id} has no file")
    size = layer.tar.stat().st_size
    yield _header(_blob(layer.diff_id), size)
    with layer.tar.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
    yield _padding(size)


def _of_layer(layer: Layer) -> dict[str, Any]:
    size = layer.tar.stat().st_size if layer.tar else 0
    return {"mediaType": _LAYER, "digest": layer.diff_id, "size": size}


def _descriptor(media_type: str, content: bytes) -> Mapping[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _member(name: str, content: bytes) -> bytes:
    return _header(name, len(content)) + content + _padding(len(content))


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf()


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
