"""The story's stages: `script/serve` as a process, and its parts under this process, to be told apart."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from parts.stack import Stack, Wanted, running
from story.serving import QUICK, Serve
from story.user import User

Staged = Callable[..., AbstractContextManager[tuple[Stack, User]]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A `script/serve` that has not started yet."""
    served = Serve(tmp_path)
    yield served
    served.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Staged]:
    """Starts the parts as `script/serve` does, with further settings."""

    @contextlib.contextmanager
    def start(*, notifications: bool = True, **settings: str) -> Iterator[tuple[Stack, User]]:
        for name, value in (QUICK | settings).items():
            monkeypatch.setenv(name, value)
        state = tmp_path / "state"
        with running(Wanted(state, port=0, registry_port=0, notifications=notifications)) as stack:
            yield stack, User(tmp_path, state)

    yield start
    shutil.rmtree(tmp_path, ignore_errors=True)
