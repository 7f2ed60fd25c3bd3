"""A site on real parts for the use cases' tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from app.site import HOSTS, Site
from app.tagged import Kept
from parts.gitserver import GitServer
from parts.registry import Registry

from baselift.domain.builds import Image
from baselift.registry.client import Registries


@pytest.fixture(scope="session")
def engine_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State of the builder, shared by the session: its store of pulled bases is."""
    return tmp_path_factory.mktemp("builder")


@pytest.fixture(scope="session")
async def registries() -> AsyncIterator[Registries]:
    """One registry client for the session's loop."""
    client = Registries(plain_http_hosts=HOSTS)
    yield client
    await client.close()


@pytest.fixture(scope="session")
def bases() -> dict[str, Image]:
    """Base images that were built in this session, by version."""
    return {}


@pytest.fixture
async def site(
    engine_directory: Path, registry: Registry, git_server: GitServer, registries: Registries, bases: dict[str, Image]
) -> Site:
    """A site with a base in the registry and an app on the git server, and no task yet."""
    made = Site(engine_directory, registry, git_server, registries, bases)
    await made.push_base("1")
    made.write_app()
    return made


@pytest.fixture
async def kept(tmp_path: Path, registry: Registry, registries: Registries) -> Kept:
    made = Kept(tmp_path, registry.host, registries)
    await made.put_task()
    return made
