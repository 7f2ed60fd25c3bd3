"""Logging in to the dashboard in mode `clients`."""

import base64
import json
from collections.abc import Iterator

import azure.functions as func
import pytest
from access.support import AUDIENCE, TENANT, hashed, secret_key
from live_app import Live, live_app
from web.browsing import UI, Browser

from baselift import settings, wiring
from baselift.access.access import Access
from baselift.access.caller import Role
from baselift.web import platform
from functions.dashboard_edge import Visit, showing

PRINCIPAL = {
    "auth_typ": "aad",
    "claims": [
        {"typ": "tid", "val": TENANT},
        {"typ": "roles", "val": "Baselift.Reader"},
        {"typ": "preferred_username", "val": "ann@example.org"},
    ],
}
SAID = {platform.HEADER: base64.b64encode(json.dumps(PRINCIPAL).encode()).decode()}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    entries = " ".join(f"{name}:{name}:{hashed(f's3cret-{name}')}" for name in ("reader", "contributor"))
    given = {"BASELIFT_ACCESS": "clients", "BASELIFT_CLIENTS": entries, "BASELIFT_SECRET_KEY": secret_key(1)}
    with live_app(tmp_path_factory.mktemp("login") / "state", notifications=False, settings=given) as live:
        yield live


def log_in(live: Live, name: str, secret: str = "", after: str = f"{UI}/runs") -> Browser:
    browser = Browser(live)
    page = browser.get(after)
    assert page.status == 401
    token = page.content.decode().split('name="form-token" value="')[1].partition('"')[0]
    sent = {"form-token": token, "after": after, "client": name, "secret": secret or f"s3cret-{name}"}
    browser.answer = browser.post("/ui/-/login", sent)
    return browser


def test_a_client_gets_in_and_out(guarded):
    browser = log_in(guarded, "reader")
    assert (browser.answer.status, browser.answer.headers["location"]) == (303, f"{UI}/runs")
    cookie = browser.answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "max-age=", "path=/"))
    page = browser.text(UI)
    assert "reader" in page
    left = browser.post("/ui/-/logout", browser.form(UI, "/ui/-/logout"))
    assert left.status == 303
    assert browser.get(UI).status == 401


def test_a_wrong_secret_gets_nobody_in_and_is_not_shown(guarded):
    browser = log_in(guarded, "reader", "wr0ng")
    assert browser.answer.status == 401
    assert b"wr0ng" not in browser.answer.content
    assert browser.get(UI).status == 401


def test_the_login_leads_nowhere_else(guarded):
    for after in ("https://evil.example/ui", "//evil.example/ui", "/ui/..//evil.example", "/other", "javascript:1"):
        browser = Browser(guarded)
        token = browser.text("/ui/-/login").split('name="form-token" value="')[1].partition('"')[0]
        sent = {"form-token": token, "after": after, "client": "reader", "secret": "s3cret-reader"}
        assert browser.post("/ui/-/login", sent).headers["location"] == "/ui", after


def test_a_reader_gets_no_buttons_and_a_forged_one_does_nothing(guarded):
    reader, contributor = log_in(guarded, "reader"), log_in(guarded, "contributor")
    assert f"{UI}/pause" not in reader.text(f"{UI}/waves")
    fields = contributor.form(f"{UI}/waves", f"{UI}/pause")
    assert reader.post(f"{UI}/pause", fields).status == 403
    assert f"{UI}/pause" in contributor.text(f"{UI}/waves")


def test_the_form_of_one_session_is_not_good_in_another(guarded):
    one, other = log_in(guarded, "contributor"), log_in(guarded, "contributor")
    fields = one.form(f"{UI}/waves", f"{UI}/pause")
    assert other.post(f"{UI}/pause", fields).status == 403
    assert one.post(f"{UI}/pause", fields).status == 303
    assert one.post(f"{UI}/unpause", one.form(f"{UI}/waves", f"{UI}/unpause")).status == 303


def test_a_session_that_is_not_ours_is_nobody(guarded):
    browser = log_in(guarded, "reader")
    browser.cookies["baselift-session"] = browser.cookies["baselift-session"][:-2] + "xx"
    assert browser.get(UI).status == 401


def test_nobody_is_sent_elsewhere_to_sign_in(guarded):
    for path in ("/ui/-/sign-in", "/ui/-/signed-in?code=c&state=s"):
        assert guarded.send("GET", path).status == 404


def test_what_the_platform_would_say_counts_for_nothing_where_it_is_not_in_front(guarded):
    assert guarded.send("GET", UI, headers=SAID).status == 401


async def _seen(monkeypatch: pytest.MonkeyPatch, needs: Role, *, in_front: bool) -> tuple[int, str]:
    """Status, and who is told to be there, in mode `entra`."""
    given = settings.load(
        {
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "BASELIFT_LOGIN_SERVER": "localhost:1",
            "BASELIFT_SECRET_KEY": secret_key(1),
            "BASELIFT_WEBHOOK_SECRET": "unused",
            "BASELIFT_ACCESS": "entra",
            "BASELIFT_TENANT": TENANT,
            "BASELIFT_AUDIENCE": AUDIENCE,
            "BASELIFT_PLATFORM_LOGIN": str(in_front).lower(),
        }
    )
    access = Access(given.access, [given.secret_key])
    monkeypatch.setattr(wiring, "settings", lambda: given)
    monkeypatch.setattr(wiring, "access", lambda: access)

    async def page(visit: Visit) -> func.HttpResponse:
        assert visit.caller is not None
        return func.HttpResponse(visit.caller.name)

    async def no_page(*_: object, status: int = 0, **__: object) -> func.HttpResponse:
        return func.HttpResponse("", status_code=status)

    monkeypatch.setattr("functions.dashboard_edge.show", no_page)
    answer = await showing(needs)(page)(func.HttpRequest("GET", "https://app.example/ui", headers=SAID, body=b""))
    return answer.status_code, answer.get_body().decode()


async def test_the_platforms_word_counts_where_the_settings_say_that_it_is_in_front(monkeypatch):
    assert await _seen(monkeypatch, Role.READER, in_front=True) == (200, "ann@example.org")
    assert (await _seen(monkeypatch, Role.CONTRIBUTOR, in_front=True))[0] == 403
    assert (await _seen(monkeypatch, Role.READER, in_front=False))[0] == 401


@pytest.mark.parametrize("mode", ["none", "clients"])
def test_the_platform_can_be_in_front_in_mode_entra_alone(mode):
    given = {"BASELIFT_ACCESS": mode, "BASELIFT_PLATFORM_LOGIN": "true"}
    with pytest.raises(settings.SettingsError, match="BASELIFT_PLATFORM_LOGIN"):
        settings.load(given)
