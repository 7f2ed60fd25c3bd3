"""Make a build context of the layers of an OCI artifact."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from baselift.domain.artifacts import Part
from baselift.domain.builds import Failure, Source
from baselift.source import archive
from baselift.source.limits import Limits
from baselift.source.tree import Tree, parts_of
from baselift.source.workspace import cleared

_CHUNK = 256 << 10
_SHOWN = 80


async def lay_out(parts: Sequence[Part], into: Path, limits: Limits) -> Source:
    """Put the parts into the directory `into` (new or empty), one over the other: files by name, archives unpacked.

    The epoch is that of the newest file in an archive, 0 without any.

    Raises:
        Failure: as `archive.unpack`. Then, and when cancelled, `into` is gone.
    """
    epoch = 0
    async with cleared(into, limits.seconds, "laying out the artifact"):
        for part in parts:
            left = limits.bytes - await asyncio.to_thread(_size, into)
            if part.archive:
                epoch = max(epoch, (await archive.unpack(part.file, into, replace(limits, bytes=left))).epoch)
            else:
                await asyncio.to_thread(_place, part, into, left)
    return Source(into, None, epoch)


def _place(part: Part, into: Path, left: int) -> None:
    parts = parts_of(part.title)
    if not parts:
        raise Failure(f"the artifact has a layer with the title {part.title!r}, which is no file name")
    if part.file.stat().st_size > left:
        raise Failure("the artifact unpacks to more bytes than a build context may have")
    tree = Tree(into)
    try:
        tree.file(parts, 0o644, 0, _chunks(part.file))
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is no name of a file"
        raise Failure(f"the layer {part.title[:_SHOWN]!a} of the artifact cannot be written: {why}") from None
    finally:
        tree.close()


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk


def _size(root: Path) -> int:
    return sum((Path(at) / name).lstat().st_size for at, _, names in os.walk(root) for name in names)
