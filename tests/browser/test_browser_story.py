"""The story in a browser: somebody follows an image from its base to what was rebuilt, and acts, by clicks alone."""

import re
from dataclasses import dataclass

import pytest
from browser.visitor import LAPTOP, PHONE, UI, Scheme, Visitor, visitor
from live_app import Live, until
from playwright.sync_api import Browser, expect

PAGES = (
    UI,
    f"{UI}/graph",
    f"{UI}/graph?focus=storefront&moves=browsed/base:1",
    f"{UI}/waves",
    f"{UI}/waves/WAVE",
    f"{UI}/tasks",
    f"{UI}/tasks/storefront",
    f"{UI}/runs",
    f"{UI}/runs/RUN",
)


@dataclass(frozen=True)
class Story:
    """What stands there to be found."""

    run: str
    """Caused by the movement."""
    wave: str
    digests: tuple[str, str]
    """Of the base, before and after."""

    def path(self, page: str) -> str:
        return page.replace("RUN", self.run).replace("WAVE", self.wave)


def digest(live: Live) -> str:
    return live.send_registry("HEAD", "browsed/base/manifests/1").headers["docker-content-digest"]


@pytest.fixture(scope="module")
def story(live: Live) -> Story:
    """A base that moved under two tasks, of which one fails on what the base is now."""
    live.push_base("browsed/base:1", "1")
    for name, line in (("storefront", "RUN echo storefront"), ("mailer", "RUN [ $VERSION = 1 ]")):
        context = live.git.create(f"browsed-{name}", {"Dockerfile": f"FROM {live.host}/browsed/base:1\n{line}\n"})
        step = {"type": "Docker", "contextPath": context, "dockerFilePath": "Dockerfile", "imageNames": [f"{name}:1"]}
        trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}}
        properties = {"platform": {"os": "linux"}, "step": step, "trigger": trigger}
        assert live.ask("PUT", f"tasks/{name}", {"location": "local", "properties": properties}).status == 200
        until(lambda each=name: "browsed/base" in live.send("GET", f"{UI}/tasks/{each}").content.decode() or None)
    before = digest(live)
    live.push_base("browsed/base:1", "2")

    def ended(name: str, status: str) -> str | None:
        runs = live.ask("GET", f"runs?$filter=TaskName%20eq%20'{name}'").json["value"]
        return str(runs[0]["name"]) if runs and runs[0]["properties"]["status"] == status else None

    run = until(lambda: ended("storefront", "Succeeded"))
    until(lambda: ended("mailer", "Failed"))
    found = re.search(rf"{UI}/waves/([0-9a-f-]+)", live.send("GET", f"{UI}/waves").content.decode())
    assert found is not None
    return Story(run, found[1], (before, digest(live)))


def short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def test_what_moved_and_what_it_caused_is_found_by_clicks(visit: Visitor, story: Story):
    page = visit.page
    visit.go("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("on an old base")
    page.get_by_role("link", name="mailer").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("failing")
    page.get_by_role("link", name="Tasks").first.click()
    page.get_by_role("link", name="storefront", exact=True).click()
    for each in story.digests:
        expect(page.locator("main")).to_contain_text(short(each))
    page.get_by_role("link", name=story.run).first.click()
    expect(page.locator(".why")).to_contain_text(f"moved from {short(story.digests[0])}")
    expect(page.get_by_role("log")).to_contain_text("was successful")
    page.get_by_role("link", name="The wave that this run is part of").click()
    expect(page.locator("main")).to_contain_text("browsed/base:1 moved")
    page.get_by_role("link", name="Graph", exact=True).click()
    page.get_by_role("link", name="storefront storefront:1, current").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Around storefront")
    page.get_by_label("If this moves:").fill("browsed/base:1")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview")).to_contain_text("2 images would be built again")
    assert visit.problems == []


def test_a_task_is_run_and_its_log_followed_without_a_reload(visit: Visitor, live: Live, story: Story):
    live.git.commit("browsed-storefront", {"Dockerfile": f"FROM {live.host}/browsed/base:1\nRUN echo the new line\n"})
    page = visit.page
    visit.go(f"{UI}/tasks/storefront")
    page.get_by_role("button", name="Run now").click()
    page.evaluate("window.same = true")
    expect(page.get_by_role("log")).to_contain_text("was successful", timeout=20_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Succeeded", timeout=10_000)
    expect(page.get_by_role("button", name="Run again")).to_be_visible(timeout=10_000)
    assert page.evaluate("window.same")
    page.get_by_label("Find in the log").fill("the new line")
    page.get_by_role("button", name="Find").click()
    expect(page.locator(".found")).to_contain_text("the new line")
    assert visit.problems == []


def test_a_task_is_switched_off_and_on(visit: Visitor, live: Live, story: Story):
    visit.go(f"{UI}/tasks/storefront")
    visit.page.get_by_role("button", name="Disable").click()
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text("disabled")
    assert live.ask("GET", "tasks/storefront").json["properties"]["status"] == "Disabled"
    visit.page.get_by_role("button", name="Enable").click()
    expect(visit.page.get_by_role("button", name="Disable")).to_be_visible()
    assert live.ask("GET", "tasks/storefront").json["properties"]["status"] == "Enabled"


def test_keys_alone_lead_through_the_graph(visit: Visitor, story: Story):
    page = visit.page
    visit.go(f"{UI}/graph")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.locator("[data-canvas]").focus()
    before = page.locator("[data-canvas] svg").get_attribute("viewBox")
    page.keyboard.press("+")
    assert page.locator("[data-canvas] svg").get_attribute("viewBox") != before
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.dataset.key")
    assert focused, page.evaluate("document.activeElement.outerHTML")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Around")
    assert str(focused).rpartition("/")[2] in visit.text()


def test_every_page_can_be_used_by_everyone(visit: Visitor, story: Story):
    for page in PAGES:
        visit.go(story.path(page))
        visit.check()


@pytest.mark.parametrize(
    ("size", "scheme", "page"),
    [(LAPTOP, "dark", f"{UI}/runs/RUN"), (PHONE, "light", UI)],
    ids=["dark colours", "phone"],
)
def test_pages_can_be_used_otherwise_too(
    chrome: Browser, live: Live, story: Story, size: tuple[int, int], scheme: Scheme, page: str
):
    with visitor(chrome, live.url, size, scheme) as visit:
        visit.go(story.path(page))
        visit.check()


def test_times_are_shown_in_the_readers_zone(chrome: Browser, live: Live, story: Story):
    with visitor(chrome, live.url, timezone_id="Asia/Tokyo", locale="en-GB") as visit:
        visit.go(f"{UI}/runs/{story.run}")
        element = visit.page.locator("dl time").first
        expect(element).to_have_attribute("title", re.compile(r"\d{2}:\d{2}:\d{2}"))
        zoned = element.evaluate("(e) => new Date(e.dateTime).toLocaleTimeString('en-GB', {timeZone: 'Asia/Tokyo'})")
        assert zoned in str(element.get_attribute("title"))


def test_no_page_can_be_framed(visit: Visitor, live: Live):
    page = visit.page
    page.route("**/outside", lambda route: route.fulfill(content_type="text/html", body="<iframe></iframe>"))
    page.goto("http://outside.localhost/outside")
    page.evaluate(f"document.querySelector('iframe').src = '{live.url}{UI}'")
    page.wait_for_timeout(500)
    framed = page.frames[1]
    assert "Baselift" not in framed.content()
