"""The directory that builds share, its lock, and when it may be cleaned."""

import asyncio
import base64
import fcntl
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from baselift.engines.process import to_the_end
from baselift.engines.sandbox import give

_WAIT: Final = 0.05


class Store:
    """Images and containers in one directory, used by any number of builds of any number of processes.

    A build that was killed leaves records behind. They are cleaned at the first use, and after every build that did
    not end by itself, as soon as no process uses the store: each use holds the lock shared, cleaning holds it alone.
    """

    def __init__(self, directory: Path, clean: Callable[[], Awaitable[None]]) -> None:
        self.data = directory / "data"
        self._directory = directory
        self._clean = clean
        self._left_over = True

    def prepare(self) -> None:
        """Make the directory, which may be there."""
        if not self.data.is_dir():
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        give(self.data)

    def left_over(self) -> None:
        """Say that a build did not end by itself."""
        self._left_over = True

    @asynccontextmanager
    async def use(self) -> AsyncIterator[None]:
        """Keep others from cleaning while inside."""
        self.prepare()
        lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            await self._clean_if_alone(lock)
            while not _locked(lock, fcntl.LOCK_SH):  # noqa: ASYNC110 - it may be another process that has it
                await asyncio.sleep(_WAIT)
            try:
                yield
            finally:
                await self._clean_if_alone(lock)
        finally:
            os.close(lock)

    async def _clean_if_alone(self, lock: int) -> None:
        if self._left_over and _locked(lock, fcntl.LOCK_EX):
            await _whole(self._clean())
            self._left_over = False


async def _whole(cleaning: Awaitable[None]) -> None:
    """Clean to the end although we are cancelled: half a cleaning leaves more than none."""
    task = asyncio.ensure_future(cleaning)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await to_the_end(task)
        raise


def in_use(data: Path) -> set[str]:
    """The images of all container records, those too that buildah does not know because it was killed in between.

    Newer releases of buildah keep the records of containers that may be lost in a file of their own.
    """
    return {
        each["image"]
        for file in data.glob("*/root/*-containers/*containers.json")
        for each in json.loads(file.read_bytes() or b"[]")
        if each.get("image")
    }


def _images(data: Path, driver: str = "*") -> Iterator[tuple[Path, dict[str, Any]]]:
    """The record of each image, and the directory that has the image's files."""
    for file in data.glob(f"{driver}/root/*-images/images.json"):
        for each in json.loads(file.read_bytes() or b"[]"):
            yield file.parent / each["id"], each


def named(data: Path, driver: str) -> set[str]:
    """The names of all images that a storage driver has in the store."""
    return {name for _, each in _images(data, driver) for name in each.get("names") or ()}


def config(data: Path, pinned: str) -> dict[str, Any]:
    """The configuration of an image in the store, ``registry/repository@digest``.

    Raises:
        KeyError: it is not there, or has none (Docker's first manifest format).
    """
    digest = pinned.rpartition("@")[2]
    for directory, each in _images(data):
        names = each.get("big-data-names") or ()
        if digest == each.get("digest") or f"manifest-{digest}" in names:
            name = next((name for name in names if name.startswith("sha256:")), "")
            if not name:
                break
            found: dict[str, Any] = json.loads(
                (directory / f"={base64.b64encode(name.encode()).decode()}").read_bytes()
            )
            return found
    raise KeyError(pinned)


def whole(own: Path, shared: Path) -> bool:
    """Every layer and image of a store is there down to its base, whose layers may be in the shared one.

    Both are directories of a storage driver. An image without its base makes buildah fail whatever it builds.
    """
    layers = {each["id"]: each.get("parent") for place in (own, shared) for each in _records(place, "layers")}
    below = {each.get("layer") for each in _records(own, "images")} | set(layers.values())
    return below - {None, ""} <= layers.keys()


def _records(place: Path, kind: str) -> Iterator[dict[str, Any]]:
    for file in place.glob(f"root/*-{kind}/*{kind}.json"):
        yield from json.loads(file.read_bytes() or b"[]")


def _locked(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
