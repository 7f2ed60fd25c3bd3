"""Manifests and indexes: read, choose a platform, write (OCI image spec 1.1; Docker's schema 2 is read too)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baselift.domain import platforms
from baselift.domain.builds import Failure
from baselift.registry.digests import is_digest

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MANIFESTS = (OCI_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
ACCEPT = ", ".join((*INDEXES, *MANIFESTS))
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
_REFERENCE_TYPE = "vnd.docker.reference.type"
_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_GZIP_LAYER = f"{_OCI_LAYER}+gzip"
_LAYERS = {
    _OCI_LAYER: _OCI_LAYER,
    OCI_GZIP_LAYER: OCI_GZIP_LAYER,
    f"{_OCI_LAYER}+zstd": f"{_OCI_LAYER}+zstd",
    "application/vnd.docker.image.rootfs.diff.tar": _OCI_LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": OCI_GZIP_LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.zstd": f"{_OCI_LAYER}+zstd",
}


class Malformed(ValueError):
    """The document is not what its media type says; the message names the field."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob or manifest by content: media type, digest, size in bytes."""

    media_type: str
    digest: str
    size: int

    def as_json(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True)
class Entry:
    """One manifest of an index; platform is ``os/architecture[/variant]``, empty where the index names none."""

    descriptor: Descriptor
    platform: str


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """Config and layers of one platform's image."""

    config: Descriptor
    layers: tuple[Descriptor, ...]


def media_type(document: Mapping[str, Any], content_type: str) -> str:
    """What a document is: its own word, else the server's (an OCI document may leave its own out)."""
    own = document.get("mediaType")
    if document.get("schemaVersion") == 1:
        return SCHEMA_1[0]
    return own if isinstance(own, str) and own else content_type.partition(";")[0].strip().lower()


def read_manifest(document: Mapping[str, Any]) -> ImageManifest:
    """Raises Malformed."""
    layers = tuple(_descriptor(each, f"layers[{i}]") for i, each in enumerate(_list(document, "layers")))
    return ImageManifest(_descriptor(document.get("config"), "config"), layers)


def read_index(document: Mapping[str, Any]) -> list[Entry]:
    """The images and indexes in an index, attestations and what else it names left out. Raises Malformed."""
    found = []
    for i, each in enumerate(_list(document, "manifests")):
        descriptor = _descriptor(each, f"manifests[{i}]")
        platform = _platform(each.get("platform"))
        if platform != "unknown/unknown" and not _attests(each) and descriptor.media_type in (*MANIFESTS, *INDEXES):
            found.append(Entry(descriptor, platform))
    return found


def choose(entries: Sequence[Entry], platform: str) -> Entry | None:
    """The first entry for ``os/architecture[/variant]``, as `platforms.choose` chooses."""
    chosen = platforms.choose([entry.platform for entry in entries], platform)
    return next((entry for entry in entries if entry.platform == chosen), None)


def layer_type(media_type: str) -> str | None:
    """The OCI media type of a layer that may be used in an OCI manifest; None for foreign and unknown ones."""
    return _LAYERS.get(media_type)


def write_manifest(config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str]) -> bytes:
    """An OCI image manifest; the same input gives the same bytes."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.as_json(),
        "layers": [layer.as_json() for layer in layers],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def diff_ids(config: Mapping[str, Any]) -> list[str]:
    """Digests of the uncompressed layers, bottom first. Raises Malformed."""
    rootfs = config.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, str) and is_digest(each) for each in found):
        raise Malformed("the image config has no list of digests in rootfs.diff_ids")
    return found


def platform_of(config: Mapping[str, Any]) -> str:
    """``os/architecture[/variant]`` of an image config; linux/amd64 where it says nothing."""
    os, architecture = config.get("os") or "linux", config.get("architecture") or "amd64"
    variant = config.get("variant")
    return f"{os}/{architecture}" + (f"/{variant}" if variant else "")


def check_schema(kind: str, name: str) -> None:
    """Raises Failure for an image in Docker's first manifest format, which no engine of today reads."""
    if kind in SCHEMA_1:
        raise Failure(f"image {name} is in Docker's manifest format 1, which is not supported: push it again")


def _attests(value: Mapping[str, Any]) -> bool:
    """BuildKit's attestations name their image in annotations."""
    annotations = value.get("annotations")
    return isinstance(annotations, dict) and annotations.get(_REFERENCE_TYPE) == "attestation-manifest"


def _platform(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    parts = [value.get(key) for key in ("os", "architecture", "variant")]
    return "/".join(str(part) for part in parts if part)


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    value = document.get(name)
    if not isinstance(value, list):
        raise Malformed(f"field {name} is not a list")
    return value


def _descriptor(value: Any, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise Malformed(f"field {where} is not a descriptor")
    kind, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise Malformed(f"field {where}.digest is not sha256:<64 hex digits>")
    if not isinstance(kind, str) or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Malformed(f"field {where} has no mediaType or no size")
    return Descriptor(kind, digest, size)
