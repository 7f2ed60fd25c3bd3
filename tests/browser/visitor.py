"""Somebody who looks at the pages in a real browser, and notices what must never happen there."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from live_app import REGISTRY
from parts.app import REPOSITORY
from playwright.sync_api import Browser, BrowserContext, Page

UI = f"/ui/{REGISTRY}"
AXE = REPOSITORY / ".tools" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
LAPTOP, PHONE = (1280, 800), (390, 844)
Scheme = Literal["light", "dark"]
_TELL = """
addEventListener("securitypolicyviolation",
    (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass
class Visitor:
    """One browser window."""

    context: BrowserContext
    page: Page
    root: str
    width: int
    problems: list[str] = field(default_factory=list)
    """Dialogs, errors of scripts, and breaches of the pages' own policy."""

    def go(self, path: str) -> None:
        """Open a page, which must be there."""
        answer = self.page.goto(f"{self.root}{path}")
        assert answer is not None
        assert answer.status == 200, (path, answer.status)

    def text(self) -> str:
        """What stands on the page."""
        return self.page.locator("main").inner_text()

    def check(self) -> None:
        """Nothing serious for people who see, hear or move otherwise, and nothing wider than the window."""
        self.page.evaluate(AXE.read_text())
        found: Any = self.page.evaluate("(rules) => axe.run(document, rules)", _RULES)
        bad = [
            (each["id"], each["impact"], [node["html"][:160] for node in each["nodes"][:3]])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert not bad, (self.page.url, bad)
        assert found["passes"]
        assert self.page.evaluate("document.scrollingElement.scrollWidth") <= self.width, self.page.url
        assert self.problems == []


@contextlib.contextmanager
def visitor(
    browser: Browser, root: str, size: tuple[int, int] = LAPTOP, scheme: Scheme = "light", **more: Any
) -> Iterator[Visitor]:
    """A window of its own, with no cookies."""
    viewport: Any = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce", **more)
    try:
        context.add_init_script(_TELL)
        made = Visitor(context, context.new_page(), root, size[0])
        made.page.on("dialog", lambda dialog: (made.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        made.page.on("pageerror", lambda error: made.problems.append(f"script: {error}"))
        made.page.on("console", lambda line: made.problems.append(line.text) if line.type == "error" else None)
        yield made
    finally:
        context.close()
