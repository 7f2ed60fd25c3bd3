"""Unpack a build context from a tar archive: plain, gzip, bzip2 or xz.

The archive is a stranger's. It is read once, as a stream, so that what it claims to hold is weighed before it is
written, and a bomb is stopped while it unfolds. The standard library's own extraction is not used: its `data` filter
refuses absolute symbolic links, which virtual environments are full of, and takes group write away.
"""

import asyncio
import bz2
import gzip
import io
import lzma
import tarfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from baselift.domain.builds import Failure, Source
from baselift.source.limits import Limits
from baselift.source.tree import Tree, parts_of
from baselift.source.workspace import cleared

_HEADERS = 4 << 20
_PER_FILE = 1536
_CHUNK = 256 << 10
_DICTIONARY = 256 << 20
_BROKEN = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


async def unpack(archive: Path, into: Path, limits: Limits) -> Source:
    """Unpack `archive` in `into` (new or empty). The epoch is the newest file's time, 0 without files.

    Permission bits are kept, set-user-id and the like are not; owners are not.

    Raises:
        Failure: no archive, broken, with names or members that no context has, or over a limit. Then, and when
            cancelled, `into` is gone.
    """
    stop = threading.Event()
    async with cleared(into, limits.seconds, "unpacking the archive"):
        work = asyncio.ensure_future(asyncio.to_thread(_unpack, archive, into, limits, stop))
        try:
            return Source(into, None, await asyncio.shield(work))
        except asyncio.CancelledError:
            stop.set()
            await asyncio.gather(work, return_exceptions=True)
            raise


def _unpack(archive: Path, into: Path, limits: Limits, stop: threading.Event) -> int:
    tree = Tree(into)
    try:
        with archive.open("rb") as file, _Meter(_plain(file), limits) as meter:
            _extract(meter, tree, limits, stop)
            return tree.newest
    except _BROKEN as error:
        raise Failure(f"the archive is broken: {error}") from None
    except (UnicodeError, ValueError) as error:
        raise Failure(f"the archive has a name that cannot be written: {error}") from None
    except OSError as error:
        raise Failure(f"the archive cannot be unpacked: {error.strerror or error}") from None
    finally:
        tree.close()


def _extract(meter: "_Meter", tree: Tree, limits: Limits, stop: threading.Event) -> None:
    meter.allow(0)
    with _open(meter) as tar:
        left = limits.bytes
        for _ in range(limits.files + 2):
            member = tar.next()
            if member is None:
                return
            tar.members.clear()  # type: ignore[attr-defined] # a million headers would be kept
            left -= member.size if member.isreg() else 0
            if left < 0:
                raise Failure(f"the archive unpacks to more than {limits.bytes} bytes, the limit for a build context")
            meter.allow(member.size)
            _go_on(stop)
            _place(tar, member, tree, stop)
            meter.allow(0)
    raise Failure(f"the archive has more than {limits.files} members, the limit for a build context")


def _open(meter: "_Meter") -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=meter, mode="r|", tarinfo=_Header, bufsize=64 << 10)
    except tarfile.ReadError:
        raise _no_archive() from None


def _place(tar: tarfile.TarFile, member: tarfile.TarInfo, tree: Tree, stop: threading.Event) -> None:
    parts = parts_of(member.name)
    if member.isdir():
        tree.directory(parts, member.mode)
    elif not parts:
        raise Failure("the archive has a member without a name")
    elif member.isreg():
        tree.file(parts, member.mode, member.mtime, _chunks(tar, member, stop))
    elif member.issym() and member.linkname:
        tree.symlink(parts, member.linkname, member.mtime)
    elif member.islnk():
        tree.link(parts, parts_of(member.linkname))
    else:
        raise Failure(f"the archive has {member.name!r}, a device, pipe or unknown kind of member")


def _chunks(tar: tarfile.TarFile, member: tarfile.TarInfo, stop: threading.Event) -> Iterator[bytes]:
    content = tar.extractfile(member)
    while content and (chunk := content.read(_CHUNK)):
        _go_on(stop)
        yield chunk


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise Failure("the fetch was canceled")


class _Header(tarfile.TarInfo):
    """Reads a header, and does not take a broken or missing one for the end of the archive, as `tarfile` does."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_Header":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError:
            raise _Unreadable from None


class _Unreadable(tarfile.ReadError):
    def __str__(self) -> str:
        return "it ends, or has other data, where the next member should begin"


class _Meter(io.RawIOBase):
    """Counts what is read, over all and since the last `allow`: headers may be no larger than any honest one."""

    def __init__(self, source: BinaryIO, limits: Limits) -> None:
        self._source = source
        self._left = limits.bytes + (limits.files + 64) * _PER_FILE
        self._allowed = 0

    def allow(self, size: int) -> None:
        """Allow a member of `size` bytes, or the next headers."""
        self._allowed = size + _HEADERS

    def read(self, size: int = -1) -> bytes:
        """Read on. Raises Failure over a limit."""
        data = self._source.read(size)
        self._left -= len(data)
        self._allowed -= len(data)
        if self._left < 0 or self._allowed < 0:
            raise Failure("the archive is larger inside than a build context may be")
        return data


def _plain(file: BinaryIO) -> BinaryIO:
    start = file.read(6)
    file.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast("BinaryIO", gzip.open(file))
    if start.startswith(b"BZh"):
        return cast("BinaryIO", bz2.open(file))
    if start.startswith(b"\xfd7zXZ\x00"):
        return cast("BinaryIO", _Xz(file))
    return file


class _Xz(io.RawIOBase):
    """xz with a bound on the memory that the stream may ask for, which `lzma.open` has not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decompressor = lzma.LZMADecompressor(memlimit=_DICTIONARY)

    def read(self, size: int = -1) -> bytes:
        """Decompress on; b"" at the end."""
        while not self._decompressor.eof:
            raw = self._file.read(_CHUNK) if self._decompressor.needs_input else b""
            if not raw and self._decompressor.needs_input:
                raise EOFError("the compressed data ends too early")
            if data := self._decompressor.decompress(raw, size):
                return data
        return b""


def _no_archive() -> Failure:
    return Failure("the context is not a tar archive (plain, gzip, bzip2 or xz); a git context ends in .git")
