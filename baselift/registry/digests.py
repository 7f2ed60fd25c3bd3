"""Digests: `algorithm:hex`, computed and compared (OCI image spec, "Digests")."""

import hashlib
import re
from collections.abc import AsyncIterator

from baselift.registry.errors import unreachable, unusable
from baselift.registry.hosts import Access

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def is_digest(text: str) -> bool:
    """True for a sha256 or sha512 digest, the two that the specification registers."""
    return _DIGEST.fullmatch(text) is not None


def sha256(data: bytes) -> str:
    """The digest under which Baselift itself stores `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def matches(data: bytes, digest: str) -> bool:
    """True when `data` has this digest, by the digest's own algorithm."""
    return f"{algorithm(digest)}:{hashlib.new(algorithm(digest), data).hexdigest()}" == digest


def algorithm(digest: str) -> str:
    """``sha256`` or ``sha512``."""
    return digest.partition(":")[0]


async def verified(chunks: AsyncIterator[bytes], digest: str, size: int, access: Access) -> AsyncIterator[bytes]:
    """Pass chunks on, the last one only after all of them proved to be the blob that was asked for.

    Raises:
        RegistryUnreachable: the body ended early.
        RegistryError: it is longer than `size` bytes, or another blob.
    """
    check, count, held = hashlib.new(algorithm(digest)), 0, b""
    async for chunk in chunks:
        check.update(chunk)
        count += len(chunk)
        if count > size:
            break
        if held:
            yield held
        held = chunk
    if count < size:
        raise unreachable(access.registry, access.operation, f"blob {digest} ended after {count} of {size} bytes")
    if count > size or f"{algorithm(digest)}:{check.hexdigest()}" != digest:
        raise unusable(access.registry, access.operation, f"the content of blob {digest} does not have that digest")
    if held:
        yield held
