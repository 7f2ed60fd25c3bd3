"""The pages as a client without scripts sees them, and the forms that change something."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from live_app import Live, until
from web.browsing import UI, Browser

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def browser(live: Live) -> Browser:
    return Browser(live)


@pytest.fixture(scope="module")
def followed(live: Live) -> dict[str, Any]:
    """A task whose base moved, so that it was built again."""
    live.push_base("dash/base:1", "1")
    context = live.git.create("dashboard", {"Dockerfile": f"FROM {live.host}/dash/base:1\nRUN echo '{HOSTILE[:24]}'\n"})
    step = {"type": "Docker", "contextPath": context, "dockerFilePath": "Dockerfile", "imageNames": ["dash/app:1"]}
    trigger = {"baseImageTrigger": {"name": "base", "baseImageTriggerType": "Runtime", "status": "Enabled"}}
    properties = {"platform": {"os": "linux"}, "step": step, "trigger": trigger}
    assert live.ask("PUT", "tasks/dashboard", {"location": "local", "properties": properties}).status == 200
    until(lambda: "dash/base" in live.send("GET", f"{UI}/tasks/dashboard").content.decode() or None)
    before = digest(live)
    live.push_base("dash/base:1", "2")

    def built() -> dict[str, Any] | None:
        runs = live.ask("GET", "runs?$filter=TaskName%20eq%20'dashboard'").json["value"]
        return runs[0] if runs and runs[0]["properties"]["status"] == "Succeeded" else None

    return {"run": until(built)["name"], "before": before, "after": digest(live)}


def digest(live: Live) -> str:
    return live.send_registry("HEAD", "dash/base/manifests/1").headers["docker-content-digest"]


def test_the_address_of_the_app_leads_to_the_registry(browser):
    assert (browser.get("/").status, browser.get("/").headers["location"]) == (303, "/ui")
    assert browser.get("/ui").headers["location"] == UI


def test_a_page_is_in_no_frame_and_runs_no_script_of_others(browser):
    answer = browser.get(UI)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


def test_without_scripts_a_task_says_from_which_digest_its_base_moved_to_which(browser, followed):
    page = browser.text(f"{UI}/tasks/dashboard")
    assert "dash/base:1" in page
    assert followed["before"] in page
    assert followed["after"] in page
    assert followed["run"] in page
    run = browser.text(f"{UI}/runs/{followed['run']}")
    assert followed["before"] in run
    assert followed["after"] in run


def test_every_page_shows_what_it_is_for(browser, followed):
    assert "dash/base:1" in browser.text(UI)
    assert "dashboard" in browser.text(f"{UI}/tasks?q=DASH")
    assert "No task has" in browser.text(f"{UI}/tasks?q=absent")
    assert followed["run"] in browser.text(f"{UI}/runs?task=dashboard&status=succeeded")
    assert 'data-key="dashboard"' in browser.text(f"{UI}/graph?focus=dashboard")
    assert "1 image would be built again" in browser.text(f"{UI}/graph?moves=dash/base:1")
    wave = re.search(rf"{UI}/waves/([0-9a-f-]+)", browser.text(f"{UI}/waves"))
    assert wave is not None
    assert "dash" in browser.text(wave[0])
    badge = browser.get(f"{UI}/tasks/dashboard/badge.svg")
    assert (badge.headers["content-type"], b"image: " in badge.content) == ("image/svg+xml", True)


def test_a_log_comes_in_pieces_by_offset(browser, followed):
    first = browser.get(f"{UI}/runs/{followed['run']}/log?from=0").json
    assert first["complete"]
    assert first["lines"][-1].startswith(f"Run ID: {followed['run']}")
    assert browser.get(f"{UI}/runs/{followed['run']}/log?from={first['end']}").json["lines"] == []
    link = browser.get(f"{UI}/runs/{followed['run']}/log.txt")
    assert (link.status, "logs/" in link.headers["location"]) == (303, True)
    assert "Run ID" in browser.text(f"{UI}/runs/{followed['run']}?q=run+id")


def test_hostile_text_is_text(browser, followed):
    for path in ("tasks?q=", "runs?task=", "graph?q=", "graph?focus=", f"runs/{followed['run']}?q="):
        page = browser.text(f"{UI}/{path}{urlencode({'': HOSTILE})[1:]}")
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "<script>alert" not in browser.text(f"{UI}/runs/{followed['run']}")
    answer = browser.get(f"/ui/{urlencode({'': HOSTILE})[1:]}")
    assert (answer.status, b"<script>alert" in answer.content) == (404, False)


def test_a_form_switches_a_task_off_and_on(browser, live, followed):
    page = f"{UI}/tasks/dashboard"
    for action, status in (("disable", "Disabled"), ("enable", "Enabled")):
        answer = browser.post(f"{page}/{action}", browser.form(page, f"{page}/{action}"))
        assert (answer.status, answer.headers["location"]) == (303, page)
        assert live.ask("GET", "tasks/dashboard").json["properties"]["status"] == status


def test_a_form_that_is_sent_twice_makes_one_run_and_again_makes_another(browser, followed):
    page = f"{UI}/tasks/dashboard"
    fields = browser.form(page, f"{page}/run")
    first, second = (browser.post(f"{page}/run", fields).headers["location"] for _ in range(2))
    assert first == second
    until(lambda: f'action="{first}/again"' in browser.text(first) or None)
    again = browser.post(f"{first}/again", browser.form(first, f"{first}/again"))
    assert again.status == 303
    assert again.headers["location"] != first


def test_a_form_that_is_not_ours_is_refused_and_changes_nothing(browser, live, followed):
    page = f"{UI}/tasks/dashboard"
    fields = browser.form(page, f"{page}/disable")
    stranger = Browser(live)
    refused = [
        browser.post(f"{page}/disable", {}),
        browser.post(f"{page}/disable", fields | {"form-token": "x"}),
        browser.post(f"{page}/disable", fields, Origin="http://localhost:1"),
        browser.post(f"{page}/disable", fields, **{"Sec-Fetch-Site": "cross-site"}),
        stranger.post(f"{page}/disable", fields),
    ]
    assert [answer.status for answer in refused] == [403] * 5
    assert live.ask("GET", "tasks/dashboard").json["properties"]["status"] == "Enabled"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{UI}/tasks/absent", 404),
        (f"{UI}/runs/absent", 404),
        (f"{UI}/waves/absent", 404),
        ("/ui/absent", 404),
        (f"{UI}/runs?below=x", 400),
        (f"{UI}/graph?moves=://", 400),
        ("/ui/-/login", 404),
        ("/ui/-/static/..%2Frender.py", 404),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(browser, path, status):
    answer = browser.get(path)
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert b"Traceback" not in answer.content


def test_static_files_are_kept_by_their_content(browser):
    page = browser.text(UI)
    for path in re.findall(r'/ui/-/static/[^"]+', page):
        answer = browser.get(path)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]
