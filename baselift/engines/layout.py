"""Read a built image from an OCI layout directory (image-spec, image-layout.md), without what must not be published."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from baselift.domain.builds import Image, Layer
from baselift.domain.layer_keys import LABEL
from baselift.engines.sandbox import give

_BASE = "org.opencontainers.image.base."
_ARGUMENTS = re.compile(r"\|\d+ ")
_NONE: Mapping[str, Any] = MappingProxyType({})
_OF_LAYERS = f"#(nop) LABEL {LABEL}="
_DIGESTS = re.compile(r"(?::sha256:[0-9a-f]{64})+\Z")
_INTERMEDIATE = re.compile(r"FROM [0-9a-f]{12}")


def leave_out(directory: Path, digests: Sequence[str]) -> None:
    """Make a new layout in which an engine finds these blobs, empty, and so does not write them."""
    for path in (_blob(directory, each) for each in digests):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        give(directory, path.parent.parent, path.parent, path)


def read(
    directory: Path,
    annotations: Mapping[str, str],
    secrets: Mapping[str, str],
    left_out: Collection[str] = (),
    fields: Mapping[str, Any] = _NONE,
    labels: Mapping[str, str] = _NONE,
) -> Image:
    """The one image of the layout, its layers uncompressed tars; those of `left_out` without one.

    `annotations` take the place of the base annotations that the engine wrote. `secrets` are build arguments by name:
    their values are taken out of the history. `fields` are Docker's own, for the config's ``config``, `labels` are put
    on the image. Nothing but the layers is left in the directory.
    """
    manifest = _load(directory, _load_index(directory)["manifests"][0]["digest"])
    config = _blob(directory, manifest["config"]["digest"]).read_bytes()
    digests = [each["digest"] for each in manifest["layers"]]
    layers = [Layer(each, None if each in left_out else _blob(directory, each)) for each in digests]
    own = {name: value for name, value in manifest.get("annotations", {}).items() if not name.startswith(_BASE)}
    kept = {layer.tar for layer in layers}
    for path in directory.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()
    return Image(finish(config, secrets, fields, labels), layers, {**own, **annotations})


def finish(
    config: bytes, secrets: Mapping[str, str], fields: Mapping[str, Any], labels: Mapping[str, str] = _NONE
) -> bytes:
    """The config with `fields`, without the secrets that an engine records with a RUN (``|1 TOKEN=value /bin/sh …``).

    An intermediate image's id, which is another each time, goes too, as does the digest that newer releases of buildah
    put after a RUN with mounts, over the times of files too; and what layers were found by. ``ENV X=$TOKEN`` is the
    author's own act: it stays in the environment, but its history entry does not show the value.
    """
    document = json.loads(config)
    values = sorted(filter(None, secrets.values()), key=len, reverse=True)
    history = [each for each in document.get("history", []) if _OF_LAYERS not in str(each.get("created_by"))]
    document["history"] = [_clean(entry, secrets, values) for entry in history]
    document["config"] = _labelled({**(document.get("config") or {}), **fields}, labels)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _labelled(config: dict[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    own = {**(config.pop("Labels", None) or {}), **labels}
    own.pop(LABEL, None)
    return {**config, "Labels": own} if own else config


def _clean(entry: dict[str, Any], secrets: Mapping[str, str], values: Sequence[str]) -> dict[str, Any]:
    clean = {key: _without(value, secrets, values) for key, value in entry.items()}
    if _INTERMEDIATE.fullmatch(str(entry.get("comment", ""))):
        del clean["comment"]
    if " --mount=" in str(clean.get("created_by")):
        clean["created_by"] = _DIGESTS.sub("", clean["created_by"])
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
