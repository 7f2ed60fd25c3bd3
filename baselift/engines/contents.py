"""Digests over the files that an instruction may take: never the same for different files, at worst of too many."""

import hashlib
import json
import os
import posixpath
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 20
_SIGNS: Final = re.compile(r"[*?\[\\]")


class Contents:
    """The files of build contexts, by the contexts' names: names, modes, owners, texts; not times, as in Docker.

    A file is read once. `ignored` are the files that say what of the context ``""`` is left out.
    """

    def __init__(self, roots: Mapping[str, Path], *ignored: Path) -> None:
        self._roots = {name: root.resolve() for name, root in roots.items()}
        self._ignored = ignored
        self._read: dict[Path, str] = {}

    def digest(self, context: str, pattern: str) -> str:
        """A digest over all that a path of a context may mean, wildcards (Go's ``filepath.Match``) included."""
        root = self._roots[context]
        places = _places(root, posixpath.normpath(f"/{pattern}").strip("/"))
        found = [self._ignore(), *(self._tree(place, root) for place in places)]
        return hashlib.sha256("\n".join(found).encode()).hexdigest()

    def _ignore(self) -> str:
        return "".join(self._file(path) if path.is_file() else "-" for path in self._ignored)

    def _tree(self, place: Path, root: Path) -> str:
        """One place, and all below it."""
        found = hashlib.sha256()
        for path in _below(place):
            entry = [os.path.relpath(path, root), *self._entry(path)]
            found.update(json.dumps(entry).encode() + b"\n")
        return found.hexdigest()

    def _entry(self, path: Path) -> list[str | int]:
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        what = str(path.readlink()) if stat.S_ISLNK(kind) else self._file(path) if stat.S_ISREG(kind) else ""
        more = [f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}" for name in _attributes(path)]
        return [status.st_mode, status.st_uid, status.st_gid, what, *more]

    def _file(self, path: Path) -> str:
        if path not in self._read:
            digest = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            self._read[path] = digest.hexdigest()
        return self._read[path]


def _attributes(path: Path) -> list[str]:
    try:
        return sorted(os.listxattr(path, follow_symlinks=False))
    except OSError:
        return []


def _below(place: Path) -> Iterator[Path]:
    waiting = [place]
    while waiting:
        path = waiting.pop()
        yield path
        if path.is_dir() and not path.is_symlink():
            waiting += sorted(path.iterdir(), reverse=True)


def _places(root: Path, pattern: str) -> list[Path]:
    """Where the pattern may lead; all of the root where a link is on the way, since that leads anywhere in it."""
    places = [root]
    for part in filter(None, pattern.split("/")):
        if part == "**":
            return places
        places = [path for place in places if place.is_dir() for path in _entries(place, part)]
        if any(path.is_symlink() for path in places):
            return [root]
    return places


def _entries(place: Path, part: str) -> list[Path]:
    if not _SIGNS.search(part):
        path = place / part
        return [path] if path.exists() or path.is_symlink() else []
    # Classes and escapes are not read: what follows the first of them may be anything.
    simple = re.split(r"[\[\\]", part, maxsplit=1)
    text = simple[0] + ("*" if len(simple) > 1 else "")
    wanted = re.compile("".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in text), re.DOTALL)
    return sorted(path for path in place.iterdir() if wanted.fullmatch(path.name))
