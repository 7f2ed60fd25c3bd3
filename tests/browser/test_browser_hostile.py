"""Hostile text in every field that others can fill is shown as the text that it is: nothing of it runs on any page."""

import pytest
from browser.visitor import Visitor
from live_app import Live
from web.browsing import UI, Browser
from web.planting import HOSTILE, Dangers, plant, walk


@pytest.fixture(scope="module")
def pages(live: Live) -> dict[str, str]:
    """Every page that links lead to, as a client without scripts gets it."""
    plant(live)
    return dict(walk(Browser(live)))


def test_no_page_makes_more_of_a_text_than_a_text(pages: dict[str, str]):
    tasks = {f"{UI}/tasks/{name}" for name in ("planted", "failing", "unread", "nowhere", "nofile")}
    assert tasks | {UI, f"{UI}/graph", f"{UI}/waves", f"{UI}/tasks", f"{UI}/runs"} <= pages.keys()
    shown = 0
    for path, text in pages.items():
        page = Dangers()
        page.feed(text)
        assert page.found == [], path
        shown += "&lt;script&gt;alert(1)" in text
    assert shown > 5


def test_nothing_that_others_wrote_runs(visit: Visitor, pages: dict[str, str]):
    for path in pages:
        # Around each image is the same page again, and each cut of the list of runs too.
        if "focus=" not in path and "status=" not in path:
            visit.go(path)
    assert visit.problems == []


def test_a_script_that_got_in_would_not_run(visit: Visitor):
    visit.go(UI)
    visit.page.evaluate("document.querySelector('main').innerHTML = '<img src=x onerror=alert(1)>'")
    visit.page.wait_for_timeout(300)
    assert any(each.startswith("policy: script-src") for each in visit.problems)
    assert not any(each.startswith("dialog") for each in visit.problems)


@pytest.mark.parametrize(
    ("page", "danger"),
    [
        (f"<p>{HOSTILE}</p>", "script {}"),
        ('<a href="javascript:alert(1)">', "a javascript:alert(1)"),
        ("<b onclick=x>", "b onclick"),
    ],
)
def test_what_is_looked_for_on_a_page_is_found(page: str, danger: str):
    found = Dangers()
    found.feed(page)
    assert danger in found.found
