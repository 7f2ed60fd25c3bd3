"""An image goes into a repository by digest: its blobs, then its manifest. No tag moves here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from baselift.domain.builds import Failure, Image, Layer
from baselift.registry.answers import as_object
from baselift.registry.blobs import Blobs
from baselift.registry.digests import sha256
from baselift.registry.hosts import Access
from baselift.registry.layers import PackedBefore, bytes_chunks, file_chunks, pack
from baselift.registry.manifests import (
    OCI_CONFIG,
    OCI_MANIFEST,
    Descriptor,
    Malformed,
    diff_ids,
    layer_type,
    write_manifest,
)
from baselift.registry.repository import Document, Manifests

_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class BaseLayers:
    """The layers of a base image as its registry keeps them: diff_id and compressed blob, bottom first."""

    access: Access
    layers: Sequence[tuple[str, Descriptor]]


def config_of(image: Image) -> dict[str, object]:
    """The image's config, whose layers are those of the image.

    Raises:
        Failure: it is not an image config, or names other layers.
    """
    config = as_object(image.config)
    try:
        named = diff_ids(config or {})
    except Malformed as error:
        raise Failure(f"the built image cannot be pushed: {error}") from error
    if config is None or named != [layer.diff_id for layer in image.layers]:
        raise Failure("the built image cannot be pushed: its config and its layers do not belong together")
    return config


async def publish(
    blobs: Blobs,
    manifests: Manifests,
    access: Access,
    image: Image,
    base: BaseLayers | None,
    packed_before: PackedBefore,
) -> Document:
    """Upload what the repository lacks, at most three blobs at once, then the manifest under its digest.

    A layer of `packed_before` that the repository has is not compressed again.
    """
    shared = _shared(image.layers, base)
    config = Descriptor(OCI_CONFIG, sha256(image.config), len(image.config))
    # A layer of ours may have the content of one of the base's, such as an empty one.
    known = {layer.diff_id: _as_oci(blob) for layer, blob in zip(image.layers, shared, strict=False)}
    own = {layer.diff_id: layer for layer in image.layers if layer.diff_id not in known}
    jobs: list[Callable[[], Awaitable[Descriptor]]] = [
        partial(_upload, blobs, access, layer, packed_before) for layer in own.values()
    ]
    if base:
        jobs += [partial(_bring, blobs, access, base.access, blob) for blob in dict.fromkeys(shared)]
    jobs.append(partial(_upload_config, blobs, access, config, image.config))
    packed = dict(zip(own, await _all(jobs), strict=False)) | known
    layers = [packed[layer.diff_id] for layer in image.layers]
    body = write_manifest(config, layers, image.annotations)
    document = Document(sha256(body), OCI_MANIFEST, body)
    await manifests.put(access, document.digest, document)
    return document


def _shared(layers: Sequence[Layer], base: BaseLayers | None) -> list[Descriptor]:
    """The base's blobs, when the image starts with all of the base's layers in forms that an OCI manifest takes."""
    found = list(base.layers) if base else []
    same = [layer.diff_id for layer in layers[: len(found)]] == [diff_id for diff_id, _ in found]
    usable = same and all(layer_type(blob.media_type) for _, blob in found)
    return [blob for _, blob in found] if usable else []


def _as_oci(blob: Descriptor) -> Descriptor:
    return Descriptor(layer_type(blob.media_type) or blob.media_type, blob.digest, blob.size)


async def _upload(blobs: Blobs, access: Access, layer: Layer, packed_before: PackedBefore) -> Descriptor:
    known = packed_before.get(layer)
    if known is not None and await blobs.has(access, known):
        return known
    packed = await pack(layer)
    packed_before.add(layer, packed.blob)
    try:
        await blobs.upload(access, packed.blob, partial(file_chunks, packed.file))
    finally:
        packed.file.unlink(missing_ok=True)
    return packed.blob


async def _upload_config(blobs: Blobs, access: Access, blob: Descriptor, data: bytes) -> Descriptor:
    await blobs.upload(access, blob, partial(bytes_chunks, data))
    return blob


async def _bring(blobs: Blobs, access: Access, source: Access, blob: Descriptor) -> Descriptor:
    await blobs.bring(access, source, blob)
    return blob


async def _all(jobs: Sequence[Callable[[], Awaitable[Descriptor]]]) -> list[Descriptor]:
    """Results in order; the first error stops the rest and comes out alone."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def gated(job: Callable[[], Awaitable[Descriptor]]) -> Descriptor:
        async with gate:
            return await job()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(gated(job)) for job in jobs]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
