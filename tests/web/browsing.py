"""A browser without scripts: it keeps cookies, reads pages, and sends the forms that it was given."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from live_app import REGISTRY, Answer, Live

UI = f"/ui/{REGISTRY}"
FORM = "application/x-www-form-urlencoded"


class _Forms(HTMLParser):
    """The fields of each form, by where it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.found.setdefault(given.get("action", ""), {})
        elif tag == "input" and self._fields is not None and "name" in given:
            self._fields[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None


@dataclass
class Browser:
    """One visitor of the running app."""

    live: Live
    cookies: dict[str, str] = field(default_factory=dict)
    answer: Answer | None = None
    """Where a test keeps an answer."""

    def get(self, path: str) -> Answer:
        """The answer to a request, redirects not followed."""
        return self._send("GET", path, None, {})

    def text(self, path: str) -> str:
        """A page that must be there."""
        answer = self.get(path)
        assert answer.status == 200, (path, answer)
        return answer.content.decode()

    def form(self, page: str, action: str) -> dict[str, str]:
        """The fields of the form on a page that is sent to `action`."""
        forms = _Forms()
        forms.feed(self.text(page))
        return forms.found[action]

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Send a form."""
        return self._send("POST", path, urlencode(fields).encode(), {"Content-Type": FORM} | headers)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self.cookies:
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} | headers
        answer = self.live.send(method, path, body, headers)
        for name, morsel in (item for each in answer.cookies for item in SimpleCookie(each).items()):
            self.cookies[name] = morsel.value
        return answer
