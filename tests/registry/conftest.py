from pathlib import Path

import pytest
import pytest_asyncio
from registry_parts import HTPASSWD, QUICK, TokenServer, distribution, serving

from baselift.registry.client import Registries


@pytest.fixture(scope="session")
def homes(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("registries")


@pytest_asyncio.fixture(scope="session")
async def registry(homes):
    """Open to everybody."""
    async with distribution(homes / "open") as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def second(homes):
    """Another open one."""
    async with distribution(homes / "second") as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def locked(homes):
    """Wants USER by Basic."""
    (homes / "htpasswd").write_text(HTPASSWD)
    async with distribution(homes / "locked", {"htpasswd": {"realm": "r", "path": str(homes / "htpasswd")}}) as running:
        yield running


@pytest.fixture(scope="session")
def tokens(homes) -> TokenServer:
    return TokenServer(homes / "root.pem")


@pytest_asyncio.fixture(scope="session")
async def guarded(homes, tokens):
    """Wants a Bearer token of the token server."""
    async with serving(tokens) as host:
        auth = {
            "realm": f"http://{host}/token",
            "service": "guarded",
            "issuer": "tests",
            "rootcertbundle": str(homes / "root.pem"),
        }
        async with distribution(homes / "guarded", {"token": auth}) as running:
            yield running


@pytest_asyncio.fixture
async def registries():
    client = Registries(plain_http_hosts=["127.0.0.1"], retry=QUICK, timeout=5)
    yield client
    await client.close()
