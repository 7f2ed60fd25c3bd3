"""Debian's Chromium, headless, driven by Playwright: for the pictures in the docs and for the tests of the pages."""

import contextlib
import os
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

from parts.errors import PartError

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, closed at the end.

    Raises:
        PartError: none is installed.
    """
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        raise PartError(f"no Chromium on PATH ({', '.join(PROGRAMS)}): Debian's package `chromium` is one")
    # Chromium's own sandbox needs what root and containers do not have; here it shows pages of this machine alone.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*arguments, "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()
