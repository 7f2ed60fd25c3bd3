"""Pack a local directory as a build context and upload it, as `az acr build` does."""

import hashlib
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click
from azure.storage.blob import BlobClient
from e2b_dockerfile_utils import PatternMatcher

from baselift.cli.connection import Connection
from baselift.cli.errors import CommandError, from_storage

_ALWAYS_OUT = frozenset({".git", ".gitignore", ".bzr", ".bzrignore", ".hg", ".hgignore", ".svn", ".venv"})


def is_remote(source: str) -> bool:
    """True for a source that the server fetches itself."""
    return source.startswith(("https://", "http://", "github.com/", "oci://"))


def upload(connection: Connection, source: str, dockerfile: str) -> tuple[str, str]:
    """Upload a directory; return its location and the Dockerfile's name there."""
    root = directory(source)
    file = _dockerfile(root, dockerfile)
    with tempfile.TemporaryFile() as archive:
        name = _pack(root, file, archive)
        return _send(connection, archive), name


def upload_directory(connection: Connection, root: Path) -> str:
    """Upload a directory without what its .dockerignore names; return its location."""
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w:gz") as into:
            _add(into, root, _ignored(root / ".dockerignore"))
        return _send(connection, archive)


def directory(source: str) -> Path:
    """A local source. Raises CommandError when there is no such directory."""
    root = Path(source)
    if not root.is_dir():
        raise CommandError(f"source '{source}' is neither a directory nor the URL of a git repository")
    return root


def _send(connection: Connection, archive: IO[bytes]) -> str:
    target = connection.client.registries.get_build_source_upload_url(*connection.where)
    click.echo(f"Uploading archived source code ({archive.tell() / 1024:.1f} KiB)...", err=True)
    archive.seek(0)
    url = target.upload_url or ""
    with from_storage(url), BlobClient.from_blob_url(url, api_version="2025-11-05") as blob:
        blob.upload_blob(archive, overwrite=True)
    return target.relative_path or ""


def _dockerfile(root: Path, name: str) -> Path:
    for candidate in (root / name, Path(name)):
        if candidate.is_file():
            return candidate
    raise CommandError(f"Dockerfile '{name}' is not in '{root}'")


def _pack(root: Path, dockerfile: Path, into: IO[bytes]) -> str:
    """Write the archive; return the Dockerfile's name in it.

    A Dockerfile that .dockerignore leaves out, or that is not of the directory, goes in under a name of its own. The
    name follows from its content: a random one would be in every image that copies its whole context.
    """
    ignored = _ignored(dockerfile.with_name(f"{dockerfile.name}.dockerignore"), root / ".dockerignore")
    with tarfile.open(fileobj=into, mode="w:gz") as archive:
        packed = _add(archive, root, ignored)
        if dockerfile in packed and not dockerfile.is_symlink():
            return dockerfile.relative_to(root).as_posix()
        name = f"{hashlib.sha256(dockerfile.read_bytes()).hexdigest()[:32]}_{dockerfile.name}"
        archive.add(dockerfile.resolve(), name, recursive=False, filter=_anonymous)
    return name


def _add(archive: tarfile.TarFile, root: Path, ignored: PatternMatcher) -> set[Path]:
    packed = set[Path]()
    for path in _files(root, root, ignored):
        archive.add(path, path.relative_to(root).as_posix(), recursive=False, filter=_anonymous)
        packed.add(path)
    return packed


def _files(root: Path, directory: Path, ignored: PatternMatcher) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        relative = path.relative_to(root).as_posix()
        is_directory = path.is_dir() and not path.is_symlink()
        out = path.name in _ALWAYS_OUT or ignored.matches(relative)
        if not out:
            yield path
        # What is left out may hold something that a later `!pattern` takes in again.
        if is_directory and path.name not in _ALWAYS_OUT and (not out or ignored.may_match_under(relative)):
            yield from _files(root, path, ignored)


def _ignored(*candidates: Path) -> PatternMatcher:
    for candidate in candidates:
        if candidate.is_file():
            lines = (line.strip() for line in candidate.read_text("utf-8-sig").splitlines())
            return PatternMatcher([line for line in lines if line and not line.startswith("#")])
    return PatternMatcher([])


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
