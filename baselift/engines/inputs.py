"""What a build gets besides its source: files that stood in the Dockerfile, downloads and secrets, in its own files."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from baselift.domain.builds import BuildSecret, Failure
from baselift.domain.lowering import Download, Lowered
from baselift.engines.sandbox import give

Fetch = Callable[[str, Path], Awaitable[None]]
"""Writes what is at an address to a file. Raises Failure."""
_SECRETS: Final = "secrets"
_AS_DOCKER_HAS_IT: Final = 0o600
_CHUNK: Final = 1 << 20


async def lay_out(lowered: Lowered, directory: Path, fetch: Fetch | None) -> None:
    """Fill the folder of a lowered Dockerfile, in `directory`.

    Raises:
        Failure: something cannot be fetched, or is not what its checksum says; with the line.
    """
    folder = directory / lowered.folder
    if lowered.files or lowered.downloads:
        _directory(folder)
    for file in lowered.files:
        _write(_place(folder, file.path), file.content, file.mode)
    for each in lowered.downloads:
        await _download(each, _place(folder, each.path), fetch)


async def _download(wanted: Download, path: Path, fetch: Fetch | None) -> None:
    where = f"Dockerfile line {wanted.line}: ADD"
    if fetch is None:
        raise Failure(f"{where}: this engine fetches nothing; bring the file in the source")
    try:
        await fetch(wanted.url, path)
    except Failure as failure:
        raise Failure(f"{where}: {failure}") from None
    found = await asyncio.to_thread(_finished, path)
    if wanted.checksum not in (None, found):
        raise Failure(f"{where}: {wanted.url.partition('?')[0]} is {found}, not {wanted.checksum}")


def _finished(path: Path) -> str:
    """The digest of a download, which is as Docker has it then."""
    path.chmod(_AS_DOCKER_HAS_IT)
    give(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def hide(secrets: Sequence[BuildSecret], directory: Path) -> None:
    """Write the secrets where only root inside may read them.

    Raises:
        Failure: an id cannot be handed to buildah, or is there twice.
    """
    if secrets:
        _directory(directory / _SECRETS, 0o700)
    for number, each in enumerate(secrets):
        if not each.id or set(each.id) & set(",=\0\n") or each.id in (other.id for other in secrets[:number]):
            raise Failure(f"build secret '{each.id}': an id of its own is needed, without ',' and '='")
        _write(directory / _SECRETS / str(number), each.value, 0o400)


def flags(lowered: Lowered, secrets: Iterable[BuildSecret], scratch: str) -> list[str]:
    """How buildah is told of it all; `scratch` is where it has the directory."""
    found = []
    if lowered.files or lowered.downloads:
        found += ["--build-context", f"{lowered.folder}={scratch}/{lowered.folder}"]
    for number, each in enumerate(secrets):
        found += ["--secret", f"id={each.id},src={scratch}/{_SECRETS}/{number}"]
    return found


def _place(folder: Path, path: str) -> Path:
    place = folder / path
    _directory(place.parent)
    return place


def _directory(path: Path, mode: int = 0o755) -> None:
    path.mkdir(exist_ok=True)
    path.chmod(mode)
    give(path)


def _write(path: Path, content: bytes, mode: int) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)
    give(path)
