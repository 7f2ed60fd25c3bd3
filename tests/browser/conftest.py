"""A real Chromium before the whole app."""

from collections.abc import Iterator

import pytest
from browser.visitor import Visitor, visitor
from live_app import Live, live_app
from parts.chromium import chromium
from playwright.sync_api import Browser


# Playwright's loop goes on in this thread until the browser is closed: no other module's tests could have theirs.
@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_app(tmp_path_factory.mktemp("browser") / "state") as parts:
        yield parts


@pytest.fixture
def visit(chrome: Browser, live: Live) -> Iterator[Visitor]:
    """A laptop in light colours."""
    with visitor(chrome, live.url) as made:
        yield made
