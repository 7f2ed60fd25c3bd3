"""Hostile text in every field that others can fill, and pages searched for what it would do."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from live_app import FINAL, REGISTRY_ID, Live, until
from web.browsing import UI, Browser

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
TIGHT = "<svg/onload=alert(1)>"
"""Without blanks."""
LOUD = f"\x1b[31m{HOSTILE}\x1b]8;;javascript:alert(1)\x07link\x1b]8;;\x07\x1b[0m"
_OURS = frozenset({"dashboard.js"})
_LINKS = frozenset({"href", "src", "action", "formaction", "xlink:href", "poster", "data", "srcdoc"})


class Dangers(HTMLParser):
    """What of a page would run a script, or lead to one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"iframe", "object", "embed", "base", "style"}:
            self.found.append(tag)
        if tag == "script" and urlsplit(given.get("src", "")).path.rpartition("/")[2] not in _OURS:
            self.found.append(f"script {given}")
        self.found += [f"{tag} {name}" for name in given if name.startswith("on") or name in {"style", "srcdoc"}]
        self.found += [f"{tag} {given[name]}" for name in given if name in _LINKS and _elsewhere(given[name])]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


def _elsewhere(link: str) -> bool:
    parts = urlsplit(link)
    return bool(parts.scheme or parts.netloc)


def plant(live: Live) -> None:
    """Tasks and runs that have hostile text wherever the API takes text: one that works, and some that fail."""
    live.push_base("planted/base:1", "1")
    dockerfile = f"FROM {live.host}/planted/base:1\nRUN printf '%s\\n' '{LOUD.replace(chr(39), '')}'\n"
    works = live.git.create("planted", {"Dockerfile": dockerfile, HOSTILE.replace("/", ""): dockerfile})
    fails = live.git.create("failing", {"Dockerfile": f"{dockerfile}RUN exit 7 # {HOSTILE}\n"})
    broken = live.git.create("broken", {"Dockerfile": f"FROM {live.host}/{HOSTILE}\n"})
    for name, context, file in (
        ("planted", works, "Dockerfile"),
        ("failing", fails, "Dockerfile"),
        ("unread", broken, "Dockerfile"),
        ("nowhere", f"{live.git.url}/{TIGHT}.git#{TIGHT}:{TIGHT}", "Dockerfile"),
        ("nofile", works, HOSTILE),
    ):
        _task(live, name, context, file)
    for name in ("planted", "failing", "nowhere", "nofile"):
        run = live.ask("POST", "scheduleRun", {"type": "TaskRunRequest", "taskId": f"{REGISTRY_ID}/tasks/{name}"}).json[
            "name"
        ]
        until(lambda each=run: live.ask("GET", f"runs/{each}").json["properties"]["status"] in FINAL or None)
    live.push_base("planted/base:1", "2")
    until(lambda: live.ask("GET", "waves").json["value"] or None)


def _task(live: Live, name: str, context: str, file: str) -> None:
    step = {"type": "Docker", "contextPath": context, "dockerFilePath": file, "imageNames": [f"{name}:1"]}
    step["arguments"] = [{"name": "WHO", "value": HOSTILE, "isSecret": False}]
    source = {"sourceControlType": "Github", "repositoryUrl": context, "branch": HOSTILE}
    trigger: dict[str, Any] = {
        "baseImageTrigger": {"name": HOSTILE, "baseImageTriggerType": "All", "status": "Enabled"},
        "timerTriggers": [{"name": HOSTILE, "schedule": "0 3 * * *", "status": "Enabled"}],
        "sourceTriggers": [{"name": HOSTILE, "sourceRepository": source, "sourceTriggerEvents": ["commit"]}],
    }
    properties = {"platform": {"os": "linux"}, "step": step, "trigger": trigger}
    answer = live.ask("PUT", f"tasks/{name}", {"location": "local", "properties": properties, "tags": {"t": HOSTILE}})
    if answer.status == 400:
        # What the API refuses cannot be shown; each of the others still is.
        trigger["timerTriggers"][0]["name"] = trigger["sourceTriggers"][0]["name"] = "t"
        trigger["baseImageTrigger"]["name"] = "base"
        answer = live.ask("PUT", f"tasks/{name}", {"location": "local", "properties": properties})
    assert answer.status == 200, answer.content


def walk(browser: Browser, start: str = UI) -> Iterator[tuple[str, str]]:
    """Every page that links lead to from `start`, once, as path and text; at most 150."""
    ahead, seen = [start], set[str]()
    while ahead and len(seen) < 150:
        path = ahead.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = browser.get(path)
        if answer.status != 200 or not answer.headers["content-type"].startswith("text/html"):
            continue
        text = answer.content.decode()
        yield path, text
        page = Dangers()
        page.feed(text)
        ahead += [each for link in page.links if (each := urljoin(path, link).partition("#")[0]).startswith("/ui")]
