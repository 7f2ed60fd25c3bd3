"""The real parts that tests run on: each started once for the session, on free ports, and stopped at its end."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from parts.azurite import Azurite
from parts.docker import Docker
from parts.gitserver import GitServer
from parts.registry import Registry

NOT_CAMPAIGNS = "not campaign"


def pytest_configure(config: pytest.Config) -> None:
    """BASELIFT_ALL=1 runs the campaigns too, unless the command line chose by markers itself."""
    if os.environ.get("BASELIFT_ALL") == "1" and config.option.markexpr == NOT_CAMPAIGNS:
        config.option.markexpr = ""


@pytest.fixture(scope="session")
def parts_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's parts keep their state."""
    return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="session")
def azurite(parts_directory: Path) -> Iterator[Azurite]:
    """Storage; clients take its ``connection_string``. Tests share it, so each names tables and queues of its own."""
    part = Azurite.start(parts_directory / "azurite")
    yield part
    part.stop()


@pytest.fixture(scope="session")
def registry(parts_directory: Path) -> Iterator[Registry]:
    """A registry without notifications and without passwords: ``host`` for references, ``url`` for its API."""
    part = Registry.start(parts_directory / "registry")
    yield part
    part.stop()


@pytest.fixture(scope="session")
def git_server(parts_directory: Path) -> Iterator[GitServer]:
    """A git server: ``create`` and ``commit`` make its repositories, ``address(name)`` is a repository's URL."""
    part = GitServer.start(parts_directory / "git")
    yield part
    part.stop()


@pytest.fixture(scope="session")
def docker(parts_directory: Path) -> Iterator[Docker]:
    """A Docker engine with buildx, for campaigns. Only who sets its ``environment`` finds it."""
    part = Docker.start(parts_directory / "docker")
    yield part
    part.stop()
