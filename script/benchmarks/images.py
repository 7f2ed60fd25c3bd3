"""Images made by bare buildah, and the tags of a registry moved by bare requests."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from parts.container import buildah_environment
from parts.errors import PartError
from parts.private import private_directory

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LARGE_BYTES = 100 * 1024 * 1024
LARGE_FROM = Path("/usr/lib")
LARGEST_FILE = 8 * 1024 * 1024
CREATED, OK = 201, 200


@dataclass(frozen=True)
class BareBuildah:
    """buildah as one types it, with a store of its own and the storage driver that the app's engine uses too."""

    directory: Path
    driver: str

    def build(self, context: str, dockerfile: str, image: str, arguments: Sequence[str] = ()) -> None:
        """``buildah bud`` of a directory or a git address; the Dockerfile's path is relative to either."""
        given = [word for each in arguments for word in ("--build-arg", each)]
        flags = ["--isolation", "chroot", "--layers=false", "--format", "oci", "--tls-verify=false", *given]
        self._run("bud", *flags, "-f", dockerfile, "-t", image, context)

    def push(self, image: str) -> None:
        """``buildah push``."""
        self._run("push", "--tls-verify=false", image)

    def forget(self, image: str) -> None:
        """``buildah rmi``, so that the store does not grow."""
        self._run("rmi", image)

    def empty(self) -> None:
        """Take everything out of the store."""
        self._run("rmi", "--all", "--force")

    def _run(self, *arguments: str) -> None:
        store = private_directory(self.directory)
        places = ["--root", str(store / "root"), "--runroot", str(store / "runroot"), "--storage-driver", self.driver]
        command = ["buildah", *places, *arguments]
        done = subprocess.run(command, env=buildah_environment(store), capture_output=True, check=False)
        if done.returncode != 0:
            raise PartError(f"buildah {arguments[0]} ended with {done.returncode}: {done.stderr.decode().strip()}")


@dataclass(frozen=True)
class Tag:
    """One tag of a repository, and the manifests it is moved between."""

    session: aiohttp.ClientSession
    repository: str
    """``http://host/v2/name``."""
    name: str

    async def digest(self) -> str:
        """The digest by a bare HEAD."""
        async with self.session.head(
            f"{self.repository}/manifests/{self.name}", headers={"Accept": MANIFEST}
        ) as answer:
            return answer.headers.get("Docker-Content-Digest", "")

    async def manifest(self, tag: str) -> bytes:
        """The manifest under a tag."""
        async with self.session.get(f"{self.repository}/manifests/{tag}", headers={"Accept": MANIFEST}) as answer:
            if answer.status != OK:
                raise PartError(f"the registry has no manifest under {self.repository}:{tag}: status {answer.status}")
            return await answer.read()

    async def move(self, manifest: bytes) -> None:
        """Put a manifest, which the repository has, under the tag."""
        headers = {"Content-Type": MANIFEST}
        asked = self.session.put(f"{self.repository}/manifests/{self.name}", data=manifest, headers=headers)
        async with asked as answer:
            if answer.status != CREATED:
                raise PartError(f"the tag could not be moved: status {answer.status}: {await answer.text()}")


def write_large_base(directory: Path) -> int:
    """Fill a base image's context with files of this machine up to about 100 MB; the number of bytes."""
    total = 0
    for path in _files(LARGE_FROM):
        target = directory / "files" / path.relative_to(LARGE_FROM)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        total += path.stat().st_size
        if total >= LARGE_BYTES:
            break
    text = 'FROM scratch\nCOPY busybox /bin/sh\nCOPY files /usr/lib\nENV NODE_VERSION=9.11.2\nCMD ["/bin/sh"]\n'
    (directory / "Dockerfile-base").write_text(text)
    return total


def _files(directory: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(directory):
        for path in (Path(parent, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_FILE:
                yield path
