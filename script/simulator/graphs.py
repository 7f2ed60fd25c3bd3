"""Graphs of images as files: `{"images": {name: {"runtime": base, "buildtime": [base, …]}}}`."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REGISTRY, HOST = "baselift", "images.test"
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
        found = json.loads(path.read_text())["images"]
        return {
            name: Image(name, each.get("runtime"), tuple(each.get("buildtime") or ())) for name, each in found.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        shape = '{"images": {NAME: {"runtime": BASE, "buildtime": [BASE, …]}}}'
        raise GraphError(f"{path} is no graph of images ({error}): {shape} is right") from error


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
