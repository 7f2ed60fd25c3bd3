"""One supervisor for each state directory, and none before the children of a killed one have ended."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from parts.errors import PartError
from parts.ports import POLL_SECONDS

LOCK = "serve.lock"
CHILDREN_SECONDS = 90.0


@contextlib.contextmanager
def state_locked(state: Path) -> Iterator[None]:
    """Holds the directory for this process, and its parts' data for as long as any child lives.

    Raises:
        PartError: another supervisor holds the directory, or a dead one's children do not end.
    """
    with _opened(state / LOCK) as own, _opened(state / "parts.lock") as shared:
        if not _locked(own):
            raise PartError(f"{state} is in use by another script/serve{_holder(own)}; stop that one or give --state")
        os.ftruncate(own, 0)
        os.write(own, f"{os.getpid()}\n".encode())
        _wait_for_children(shared, state)
        os.set_inheritable(shared, True)  # noqa: FBT003 - the signature is os's
        yield


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
    return f" (process {pid})" if pid.isdecimal() else ""


def _wait_for_children(shared: int, state: Path) -> None:
    end = time.monotonic() + CHILDREN_SECONDS
    while not _locked(shared):
        if time.monotonic() > end:
            raise PartError(f"{state}: processes of an earlier script/serve that was killed are still ending")
        time.sleep(POLL_SECONDS)
