"""Write files below one directory, whatever their names try.

Every step of a path is opened by descriptor and without following links, so nothing outside the directory can be
reached, not even through a symbolic link that an earlier entry of the same archive made.
"""

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from baselift.domain.builds import Failure

Parts = tuple[str, ...]
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LATEST = 1 << 32


def parts_of(name: str) -> Parts:
    """The steps of a relative name; the root is (). Raises Failure for an absolute name or one with ``..``."""
    steps = tuple(step for step in name.split("/") if step not in ("", "."))
    if name.startswith("/") and steps:
        raise Failure(f"the archive has the absolute name {name!r}; names must be relative")
    if ".." in steps:
        raise Failure(f"the archive has the name {name!r}, which leads out of it")
    if "\0" in name:
        raise Failure(f"the archive has the name {name!r} with a null character in it")
    return steps


class Tree:
    """A directory being filled. A later entry replaces an earlier one of the same name."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, _DIRECTORY)
        self._at: tuple[Parts, int] = ((), self._root)
        self._modes: dict[Parts, int] = {}
        self._times: dict[Parts, int] = {}

    @property
    def newest(self) -> int:
        """Seconds since 1970 of the newest file or link; 0 without any."""
        return max(self._times.values(), default=0)

    def close(self) -> None:
        """Give the directories their modes and let go of the descriptors."""
        try:
            for parts in sorted(self._modes, reverse=True):
                with suppress(OSError):
                    os.chmod(parts[-1], self._modes[parts], dir_fd=self._parent(parts), follow_symlinks=True)
        finally:
            self._leave()
            os.close(self._root)

    def directory(self, parts: Parts, mode: int) -> None:
        """Make a directory; the owner can always use it. The root is there already and keeps its mode."""
        if not parts:
            return
        at = self._parent(parts)
        if not self._is_directory(at, parts[-1]):
            self._clear(at, parts)
            os.mkdir(parts[-1], 0o700, dir_fd=at)
        self._modes[parts] = (mode & 0o777) | 0o700

    def file(self, parts: Parts, mode: int, time: float, chunks: Iterable[bytes]) -> None:
        """Write a file; the owner can always read it."""
        at = self._parent(parts)
        self._clear(at, parts)
        descriptor = os.open(parts[-1], _CREATE, 0o600, dir_fd=at)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for chunk in chunks:
                _write(descriptor, chunk)
            os.fchmod(file.fileno(), (mode & 0o777) | 0o400)
            self._times[parts] = _whole(time)
            os.utime(file.fileno(), (self._times[parts],) * 2)

    def symlink(self, parts: Parts, target: str, time: float) -> None:
        """Make a symbolic link, which is never followed here: its target may be anything."""
        at = self._parent(parts)
        self._clear(at, parts)
        os.symlink(target, parts[-1], dir_fd=at)
        self._times[parts] = _whole(time)

    def link(self, parts: Parts, target: Parts) -> None:
        """Make a hard link to a file of this tree."""
        if parts == target:
            return
        source = self._parent(target, make=False)
        if not target or self._is_directory(source, target[-1]):
            raise Failure(f"the archive has a hard link {'/'.join(parts)!r} to a directory")
        # The walk to the other parent closes this one.
        source = os.dup(source)
        try:
            os.stat(target[-1], dir_fd=source, follow_symlinks=False)
            at = self._parent(parts)
            self._clear(at, parts)
            os.link(target[-1], parts[-1], src_dir_fd=source, dst_dir_fd=at, follow_symlinks=False)
        except FileNotFoundError:
            raise _missing(target) from None
        finally:
            os.close(source)
        self._times[parts] = self._times.get(target, 0)

    def _parent(self, parts: Parts, *, make: bool = True) -> int:
        """A descriptor of the directory that `parts` is in, good until the next call."""
        if self._at[0] != parts[:-1]:
            self._leave()
            for depth in range(1, len(parts)):
                self._enter(parts[:depth], parts, make=make)
        return self._at[1]

    def _enter(self, step: Parts, parts: Parts, *, make: bool) -> None:
        above = self._at[1]
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(step[-1], 0o755, dir_fd=above)
            below = os.open(step[-1], _DIRECTORY, dir_fd=above)
        except FileNotFoundError:
            raise _missing(parts) from None
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            raise Failure(f"the archive has {'/'.join(parts)!r} below {'/'.join(step)!r}, a link or file") from None
        self._leave()
        self._at = (step, below)

    def _leave(self) -> None:
        if self._at[1] != self._root:
            os.close(self._at[1])
        self._at = ((), self._root)

    def _is_directory(self, at: int, name: str) -> bool:
        try:
            return stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return False

    def _clear(self, at: int, parts: Parts) -> None:
        self._times.pop(parts, None)
        try:
            os.unlink(parts[-1], dir_fd=at)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            raise Failure(f"the archive has {'/'.join(parts)!r} as a directory and as something else") from None


def _missing(parts: Parts) -> Failure:
    return Failure(f"the archive has a hard link to {'/'.join(parts)!r}, which is not in it")


def _write(descriptor: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]


def _whole(time: float) -> int:
    return int(min(max(time, 0), _LATEST)) if time == time else 0  # noqa: PLR0124 - not a number
