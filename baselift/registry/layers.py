"""Layers on disk: compressed in a thread, the same way every time, and read for upload."""

import asyncio
import hashlib
import threading
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from baselift.domain.builds import Failure, Layer
from baselift.registry.manifests import OCI_GZIP_LAYER, Descriptor

_CHUNK = 1024 * 1024
_LEVEL = 6
_GZIP = 31
"""zlib's window bits for a gzip header without name and time."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A compressed layer in a temporary file."""

    blob: Descriptor
    file: Path


async def pack(layer: Layer) -> Packed:
    """Compress a layer into a file beside its tar, which the caller removes.

    When cancelled the file is gone before CancelledError is raised.

    Raises:
        Failure: the tar cannot be read or is not the layer it should be, the disk is full, or the layer was left in
            the base image's repository and is gone from there.
    """
    if layer.tar is None:
        raise Failure(f"layer {layer.diff_id} of the base image is no longer in its registry")
    file = layer.tar.with_name(f"{layer.tar.name}.{layer.diff_id.rpartition(':')[2][:12]}.gz")
    stop = threading.Event()
    work = asyncio.ensure_future(asyncio.to_thread(_pack, layer, layer.tar, file, stop))
    try:
        return Packed(await asyncio.shield(work), file)
    except BaseException:
        stop.set()
        await asyncio.gather(work, return_exceptions=True)
        file.unlink(missing_ok=True)
        raise


def _pack(layer: Layer, uncompressed: Path, file: Path, stop: threading.Event) -> Descriptor:
    try:
        with uncompressed.open("rb") as tar, file.open("wb") as packed:
            return _compress(layer, tar, packed, stop)
    except OSError as error:
        raise Failure(f"layer {layer.diff_id} cannot be compressed: {error.strerror}") from error


def _compress(layer: Layer, tar: BinaryIO, packed: BinaryIO, stop: threading.Event) -> Descriptor:
    plain, digest, size = hashlib.sha256(), hashlib.sha256(), 0
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    while chunk := tar.read(_CHUNK):
        if stop.is_set():
            raise Failure("compression was stopped")
        plain.update(chunk)
        data = squeeze.compress(chunk)
        digest.update(data)
        size += packed.write(data)
    tail = squeeze.flush()
    digest.update(tail)
    size += packed.write(tail)
    if f"sha256:{plain.hexdigest()}" != layer.diff_id:
        raise Failure(f"layer {layer.diff_id} on disk is not the layer that was built: its digest differs")
    return Descriptor(OCI_GZIP_LAYER, f"sha256:{digest.hexdigest()}", size)


async def file_chunks(file: Path) -> AsyncIterator[bytes]:
    """The file's bytes, read off the event loop. Raises Failure when it cannot be read.

    No file is held open between two chunks: a stream that is dropped half way leaves nothing to close.
    """
    offset = 0
    try:
        while chunk := await asyncio.to_thread(_read_at, file, offset):
            offset += len(chunk)
            yield chunk
    except OSError as error:
        raise Failure(f"layer file {file.name} cannot be read: {error.strerror}") from error


def _read_at(file: Path, offset: int) -> bytes:
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read(_CHUNK)


async def bytes_chunks(data: bytes) -> AsyncIterator[bytes]:
    """Bytes in memory as a stream."""
    yield data
