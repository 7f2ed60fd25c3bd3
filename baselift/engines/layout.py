"""Read a built image from an OCI layout directory (image-spec, image-layout.md), without what must not be published."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from baselift.domain.builds import Image, Layer

_BASE = "org.opencontainers.image.base."
_ARGUMENTS = re.compile(r"\|\d+ ")
_INTERMEDIATE = re.compile(r"FROM [0-9a-f]{12}")


def read(directory: Path, annotations: Mapping[str, str], secrets: Mapping[str, str]) -> Image:
    """The one image of the layout, its layers uncompressed tars.

    `annotations` take the place of the base annotations that the engine wrote. `secrets` are build arguments by name:
    their values are taken out of the history. Nothing but the layers is left in the directory.
    """
    manifest = _load(directory, _load_index(directory)["manifests"][0]["digest"])
    config = _blob(directory, manifest["config"]["digest"]).read_bytes()
    layers = [Layer(each["digest"], _blob(directory, each["digest"])) for each in manifest["layers"]]
    own = {name: value for name, value in manifest.get("annotations", {}).items() if not name.startswith(_BASE)}
    kept = {layer.tar for layer in layers}
    for path in directory.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()
    return Image(scrub(config, secrets), layers, {**own, **annotations})


def scrub(config: bytes, secrets: Mapping[str, str]) -> bytes:
    """The config without the secrets that an engine records with a RUN (``|1 TOKEN=value /bin/sh -c …``).

    An intermediate image's id, which depends on the secret, goes too. ``ENV X=$TOKEN`` is the author's own act: it
    stays in the environment, but its history entry does not show the value.
    """
    if not secrets:
        return config
    document = json.loads(config)
    values = sorted(filter(None, secrets.values()), key=len, reverse=True)
    document["history"] = [_clean(entry, secrets, values) for entry in document.get("history", [])]
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _clean(entry: dict[str, Any], secrets: Mapping[str, str], values: Sequence[str]) -> dict[str, Any]:
    clean = {key: _without(value, secrets, values) for key, value in entry.items()}
    if _INTERMEDIATE.fullmatch(str(entry.get("comment", ""))):
        del clean["comment"]
    return clean


def _without(value: Any, secrets: Mapping[str, str], values: Sequence[str]) -> Any:
    if not isinstance(value, str):
        return value
    if _ARGUMENTS.match(value):
        for name, secret in secrets.items():
            value = value.replace(f" {name}={secret}", f" {name}=***", 1)
    for secret in values:
        value = value.replace(secret, "***")
    return value


def _load_index(directory: Path) -> Any:
    return json.loads((directory / "index.json").read_bytes())


def _load(directory: Path, digest: str) -> Any:
    return json.loads(_blob(directory, digest).read_bytes())


def _blob(directory: Path, digest: str) -> Path:
    return directory / "blobs" / digest.replace(":", "/")
