"""The whole app, running, for all tests of its functions."""

from collections.abc import Iterator

import pytest
from live_app import Live, live_app


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """All parts; the reconciler runs each second."""
    with live_app(tmp_path_factory.mktemp("functions") / "state") as parts:
        yield parts


@pytest.fixture(scope="session")
def base(live: Live) -> str:
    """A base image with a shell, in the registry."""
    live.push_base("base/node:1", "1")
    return f"{live.host}/base/node:1"


@pytest.fixture(scope="session")
def source(live: Live, base: str) -> str:
    """URL of a git repository with two Dockerfiles, a stage to choose, and a directory `sub`."""
    text = f"FROM {base} AS first\nARG WHO=nobody\nRUN echo hello $WHO from first\nFROM first\nRUN echo last stage\n"
    files = {
        "Dockerfile": text,
        "other.Dockerfile": f"FROM {base}\nARG WHO=nobody\nRUN echo other $WHO\n",
        "sub/Dockerfile": f"FROM {base}\nRUN echo in sub\n",
    }
    return live.git.create("source", files)
