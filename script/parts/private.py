"""Files and directories for this user only, and secrets that stay the same over restarts."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

OWNER_ONLY_FILE = 0o600
OWNER_ONLY_DIRECTORY = 0o700


def private_directory(path: Path) -> Path:
    """The directory, made if need be, readable by its owner only."""
    path.mkdir(mode=OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
    path.chmod(OWNER_ONLY_DIRECTORY)
    return path


def write_private(path: Path, text: str) -> None:
    """Replaces a file, whole or not at all, readable by its owner only from its first byte on."""
    half = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def kept(path: Path, make: Callable[[], str]) -> str:
    """The text of the file; the first time it is made and written."""
    if not path.exists():
        write_private(path, make())
    return path.read_text(encoding="utf-8")


def home_environment(directory: Path) -> dict[str, str]:
    """Settings that point a program's home, cache and temporary files into the directory, which is made."""
    places = {
        "HOME": "home",
        "TMPDIR": "tmp",
        "XDG_CACHE_HOME": "cache",
        "XDG_CONFIG_HOME": "config",
        "XDG_DATA_HOME": "data",
        "XDG_RUNTIME_DIR": "run",
    }
    return {name: str(private_directory(directory / place)) for name, place in places.items()}
