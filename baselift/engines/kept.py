"""Images of this run that no registry has, for its later steps: an OCI layout (image-spec, image-layout.md) each."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from baselift.domain.builds import Image, Layer

PREFIX: Final = "oci:"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
IMPORTED: Final = "localhost"
"""What buildah puts in front of a layout's path to name the image that it read there."""


def keep(image: Image, directory: Path) -> str:
    """Write a layout into a new `directory`; its reference. Layers are linked, where a file system allows.

    A layer without a file is one of the base image's, which the engine's store has: it is found there by its digest.
    """
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _write(blobs, _CONFIG, image.config),
        "layers": [_link(blobs, layer) for layer in image.layers],
    }
    written = _write(blobs, _MANIFEST, json.dumps(manifest).encode())
    # Without a name: newer buildahs would take it, and not the path, for the image's.
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [written]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"{PREFIX}{directory.absolute()}"


def names(directory: Path, inside: str) -> Sequence[str]:
    """What buildah may call the image of the layout, which it saw at the path `inside`: by the path, or by its id."""
    index = directory / "index.json"
    if not index.exists():
        return ()
    (entry,) = json.loads(index.read_bytes())["manifests"]
    manifest = json.loads(_blob(directory, entry["digest"]).read_bytes())
    return f"{IMPORTED}{inside}", manifest["config"]["digest"].partition(":")[2]


def _blob(directory: Path, digest: str) -> Path:
    return directory / "blobs" / "sha256" / digest.partition(":")[2]


def _write(blobs: Path, media_type: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    (blobs / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _link(blobs: Path, layer: Layer) -> dict[str, Any]:
    path = blobs / layer.diff_id.partition(":")[2]
    if not path.exists():
        if layer.tar is None:
            path.touch()
        else:
            _copy(layer.tar, path)
    return {"mediaType": _LAYER, "digest": layer.diff_id, "size": path.stat().st_size}


def _copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
