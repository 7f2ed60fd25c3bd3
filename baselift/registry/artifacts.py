"""Artifacts that are no images: their layers as files on disk."""

from collections.abc import Sequence
from pathlib import Path

from baselift.domain.artifacts import Part
from baselift.domain.builds import Failure
from baselift.domain.images import Reference
from baselift.registry import manifests
from baselift.registry.blobs import Blobs
from baselift.registry.errors import unusable
from baselift.registry.hosts import Access
from baselift.registry.manifests import Descriptor
from baselift.registry.repository import Document, Manifests

_TITLE = "org.opencontainers.image.title"
_UNPACK = "io.deis.oras.content.unpack"
"""What ORAS writes on a layer that is a directory."""
_EMPTY = "application/vnd.oci.empty.v1+json"
_MOST = 1000


async def download(
    found: tuple[Manifests, Blobs], access: Access, ref: Reference, into: Path, limit: int
) -> Sequence[Part]:
    """Write the layers of the artifact `ref` to files in the directory `into`, bottom first.

    Raises:
        Failure: there is no such artifact, it is an index, has no layers, or has more than `limit` bytes in them.
    """
    document = await found[0].get(access, ref.digest or ref.tag or "latest")
    layers = _layers(access, ref, document)
    size = sum(layer.size for layer, _ in layers)
    if size > limit:
        raise Failure(f"the artifact {ref} has {size} bytes in its layers; at most {limit} are fetched as a context")
    parts = []
    for number, (layer, part) in enumerate(layers):
        file = into / f"layer-{number}"
        await found[1].save(access, layer, file)
        parts.append(Part(file, *part))
    return parts


def _layers(access: Access, ref: Reference, document: Document | None) -> list[tuple[Descriptor, tuple[str, bool]]]:
    if document is None:
        raise Failure(f"the artifact {ref} does not exist in its registry")
    if document.kind not in manifests.MANIFESTS:
        raise Failure(f"{ref} cannot be a context: its media type is '{document.kind[:100]}', not an OCI manifest")
    try:
        layers = manifests.read_manifest(document.fields).layers
    except manifests.Malformed as error:
        raise unusable(access.registry, access.operation, str(error)) from error
    if not 0 < len(layers) <= _MOST:
        raise Failure(f"the artifact {ref} has {len(layers)} layers; a context has 1 to {_MOST}")
    notes = [_annotations(each) for each in document.fields["layers"]]  # type: ignore[attr-defined]
    named = zip(layers, map(_kind, notes), strict=True)
    return [(layer, part) for layer, part in named if layer.media_type != _EMPTY]


def _kind(annotations: dict[str, str]) -> tuple[str, bool]:
    title = annotations.get(_TITLE, "")
    return title, not title or annotations.get(_UNPACK) == "true"


def _annotations(layer: dict[str, object]) -> dict[str, str]:
    given = layer.get("annotations")
    return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
