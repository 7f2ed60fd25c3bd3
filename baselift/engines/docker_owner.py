"""Whose a container, network or image in a Docker engine is, and the removal of those whose process is no more.

A process holds a lock on a file of its own as long as it lives. The file is in a directory of this installation, which
has a random name of its own: other installations on the same engine are never touched.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from baselift.engines.docker_api import Docker, Refused

INSTALLATION: Final = "baselift.installation"
OWNER: Final = "baselift.owner"
_LOCK: Final = ".lock"
_IN_USE: Final = 409


class Owner:
    """This process as the owner of what it makes in a Docker engine; `live` comes first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: int | None = None
        self.name = secrets.token_hex(8)
        self.installation = ""

    def live(self) -> None:
        """Say that this process lives, until it ends. May be called again."""
        if self._lock is not None:
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.installation = _installation(self._directory / "installation")
        while self._lock is None:
            lock = os.open(self._file(self.name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Somebody may have found the file before it was locked, and removed it.
            if os.fstat(lock).st_nlink:
                self._lock = lock
            else:
                os.close(lock)

    @property
    def labels(self) -> dict[str, str]:
        """What everything that it makes has on it."""
        return {INSTALLATION: self.installation, OWNER: self.name}

    @property
    def repository(self) -> str:
        """The repository of this installation's images, in a registry that cannot be."""
        return f"baselift.invalid/{self.installation}"

    def new_name(self) -> str:
        """A name for a container, network or tag."""
        return f"baselift-{self.name}-{secrets.token_hex(4)}"

    def is_dead(self, name: str) -> bool:
        """True when the owner of this name is a process of this installation that has ended."""
        try:
            with _locked(self._file(name)):
                return True
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False

    def forget_dead(self) -> None:
        """Remove the files of processes that have ended."""
        for file in self._directory.glob(f"*{_LOCK}"):
            with suppress(FileNotFoundError, BlockingIOError), _locked(file):
                file.unlink()

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}{_LOCK}"


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Raises BlockingIOError: somebody has the lock."""
    lock = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def _installation(file: Path) -> str:
    """The installation's name, made once, whoever comes first."""
    fresh = file.with_name(f".{secrets.token_hex(8)}")
    fresh.write_text(secrets.token_hex(8))
    with suppress(FileExistsError):
        os.link(fresh, file)
    fresh.unlink()
    return file.read_text()


async def sweep(docker: Docker, owner: Owner) -> None:
    """Remove what processes of this installation left that have ended. May run at any time, also twice at once."""
    ours = json.dumps({"label": [f"{INSTALLATION}={owner.installation}"]})
    for each in await docker.ask("GET", "containers/json", params={"all": "1", "filters": ours}):
        if owner.is_dead(each["Labels"].get(OWNER, "")):
            await _remove(docker, f"containers/{each['Id']}", force="1", v="1")
    for each in await docker.ask("GET", "networks", params={"filters": ours}):
        if owner.is_dead(each["Labels"].get(OWNER, "")):
            await _remove(docker, f"networks/{each['Id']}")
    named = json.dumps({"reference": [f"{owner.repository}:*"]})
    for each in await docker.ask("GET", "images/json", params={"filters": named}):
        for name in each.get("RepoTags") or ():
            if owner.is_dead(_owner_of(name)):
                await _remove(docker, f"images/{name}")
    owner.forget_dead()


def _owner_of(image: str) -> str:
    _, _, tag = image.rpartition(":")
    return tag.split("-")[1] if tag.count("-") == 2 else ""  # noqa: PLR2004  # see `Owner.new_name`


async def _remove(docker: Docker, path: str, **query: str) -> None:
    try:
        await docker.remove(path, **query)
    except Refused as refused:
        # Somebody else is removing it.
        if refused.status != _IN_USE:
            raise
