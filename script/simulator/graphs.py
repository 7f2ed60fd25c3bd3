"""Graphs of images as files: `{"images": {name: {"runtime": base, "buildtime": [base, …]}}}`."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

REGISTRY, HOST = "baselift", "images.test"
_NAME = re.compile(r"[A-Za-z0-9][\w./:@{}-]*", re.ASCII)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


class GraphError(ValueError):
    """The file is no graph; the message says what would be right."""


@dataclass(frozen=True)
class Image:
    """An image that a task builds, and what it is built on."""

    name: str
    runtime: str | None
    buildtime: Sequence[str]

    @property
    def bases(self) -> Sequence[tuple[str, str]]:
        """Base and kind of each edge, one edge for each base."""
        edges = dict.fromkeys(self.buildtime, "Buildtime") | ({self.runtime: "Runtime"} if self.runtime else {})
        return [(base, kind) for base, kind in edges.items() if base is not None]


def read(path: Path) -> Mapping[str, Image]:
    """The images of a file by name. Raises GraphError, OSError."""
    try:
        images = {name: _image(name, **each) for name, each in json.loads(path.read_text())["images"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        shape = '{"images": {NAME: {"runtime": BASE, "buildtime": [BASE, …]}}}'
        raise GraphError(f"{path} is no graph of images ({error}): {shape} is right") from error
    _check_names({name for image in images.values() for name in (image.name, *(base for base, _ in image.bases))})
    _check_order(images)
    return images


def _image(name: str, *, runtime: str | None = None, buildtime: Sequence[str] | None = None, **_: Any) -> Image:
    bases = buildtime or []
    if not isinstance(bases, list) or not all(isinstance(each, str) for each in (*bases, runtime or "")):
        raise TypeError(f"the bases of {name} are no names")
    return Image(name, runtime, tuple(bases))


def _check_names(names: set[str]) -> None:
    tags: dict[str, str] = {}
    for name in sorted(names):
        if not _NAME.fullmatch(name):
            raise GraphError(f"{name!r} is no name of an image: ASCII letters, digits and . _ - / : @ {{ }} are right")
        if (other := tags.setdefault(reference(name), name)) != name:
            raise GraphError(f"{other} and {name} differ in punctuation alone: the simulation takes them for one tag")


def _check_order(images: Mapping[str, Image]) -> None:
    try:
        TopologicalSorter({image.name: [base for base, _ in image.bases] for image in images.values()}).prepare()
    except CycleError as error:
        path = " -> ".join(reversed(error.args[1]))
        raise GraphError(f"{path} is a cycle, each built on the next: no order builds it") from error


def reference(name: str) -> str:
    """The tag that a name of the graph stands for: `stream:rhel9` and `ose-cli` both are names."""
    return f"{HOST}/{_NOT_IN_NAMES.sub('-', name.lower()).strip('-')}:1"


def affected(images: Mapping[str, Image], bases: Sequence[str], *, runtime_only: bool) -> set[str]:
    """Names of the images that have to be built again when these bases move."""
    children: dict[str, list[str]] = {}
    for image in images.values():
        for base, kind in image.bases:
            if kind == "Runtime" or not runtime_only:
                children.setdefault(base, []).append(image.name)
    found, ahead = set[str](), [child for base in bases for child in children.get(base, ())]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += children.get(name, ())
    return found
