"""Signing in to the dashboard at Microsoft Entra, without scripts: what opens it, and what does not."""

import html
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from access.directory import NEVER, SECRET, Directory, app_settings, approving, directory
from access.support import TENANT, rsa_key
from live_app import REGISTRY_ID, Answer, Live, live_app
from parts.ports import reserved_port
from web.browsing import UI, Browser

BACK = "/ui/-/signed-in"
HOUR = 3600


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Directory, Path]]:
    with directory(tmp_path_factory.mktemp("tenant") / "https") as found:
        yield found


@pytest.fixture(scope="module")
def guarded(place: tuple[Directory, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with reserved_port(0, "app") as port:
        given = app_settings(*place, port)
        state = tmp_path_factory.mktemp("sign-in") / "state"
        with live_app(state, notifications=False, reconcile=NEVER, settings=given, port=port) as live:
            yield live


@pytest.fixture
def tenant(place: tuple[Directory, Path], guarded: Live) -> Directory:
    place[0].reset()
    place[0].redirect = f"{guarded.url}{BACK}"
    return place[0]


@pytest.fixture
def approve(place: tuple[Directory, Path]) -> Callable[[str], str]:
    return approving(place[1])


def begin(browser: Browser, after: str = f"{UI}/waves") -> str:
    """Where a browser is sent that asks for a page."""
    page = browser.get(after)
    assert page.status == 401
    link = html.unescape(re.findall(r'href="(/ui/-/sign-in[^"]*)"', page.content.decode())[0])
    assert link == f"/ui/-/sign-in?after={quote(after)}"
    answer = browser.get(link)
    assert answer.status == 303
    return answer.headers["location"]


def signed_in(live: Live, approve) -> Browser:
    browser = Browser(live)
    browser.answer = browser.get(approve(begin(browser)))
    return browser


def text(answer: Answer) -> str:
    return html.unescape(answer.content.decode())


def test_somebody_with_a_role_gets_in_to_the_page_first_asked_for_and_out_again(tenant, guarded, approve):
    browser = signed_in(guarded, approve)
    assert (browser.answer.status, browser.answer.headers["location"]) == (303, f"{UI}/waves")
    page = browser.text(f"{UI}/waves")
    assert "ada@example.org" in page
    assert f"{UI}/pause" in page
    assert browser.post(f"{UI}/pause", browser.form(f"{UI}/waves", f"{UI}/pause")).status == 303
    assert browser.post(f"{UI}/unpause", browser.form(f"{UI}/waves", f"{UI}/unpause")).status == 303
    assert browser.post("/ui/-/logout", {}).status == 403
    left = browser.post("/ui/-/logout", browser.form(UI, "/ui/-/logout"))
    assert (left.status, left.headers["location"]) == (303, "/ui/-/login")
    assert "Sign in with Microsoft" in browser.text("/ui/-/login")
    assert browser.get(UI).status == 401


def test_a_reader_sees_and_does_not_act(tenant, guarded, approve):
    contributor = signed_in(guarded, approve)
    tenant.roles = ["reader"]
    reader = signed_in(guarded, approve)
    assert f"{UI}/pause" not in reader.text(f"{UI}/waves")
    forged = contributor.form(f"{UI}/waves", f"{UI}/pause")
    assert reader.post(f"{UI}/pause", forged).status == 403


def test_what_goes_to_the_service_proves_the_flow_and_tells_no_secret(tenant, guarded, approve):
    browser = Browser(guarded)
    url = begin(browser)
    asked = {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{tenant.url}/{TENANT}/oauth2/v2.0/authorize?")
    assert len(asked["state"]) >= 20
    assert len(asked["nonce"]) >= 20
    browser.get(approve(url))
    [form] = tenant.asked
    assert len(form["code_verifier"]) >= 43
    cookie = browser.cookies["baselift-sign-in"]
    for hidden in (form["code_verifier"], form["code"], SECRET, asked["state"]):
        assert hidden not in cookie
        assert hidden not in (guarded.directory / "app.log").read_text()
    assert form["code_verifier"] not in url
    assert SECRET not in url


def test_cookies_are_for_no_script_for_no_other_site_and_for_a_while(tenant, guarded, approve):
    browser = Browser(guarded)
    answer = browser.get("/ui/-/sign-in")
    back = browser.get(approve(answer.headers["location"]))
    found = {cookie.partition("=")[0]: cookie.split("; ") for cookie in back.cookies}
    assert set(found) == {"baselift-session", "baselift-sign-in"}
    [began] = answer.cookies
    for words in (began.split("; "), *found.values()):
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(words)
    assert "Max-Age=600" in began
    assert "Max-Age=28800" in found["baselift-session"]
    assert {"baselift-sign-in=", "Max-Age=0"} <= set(found["baselift-sign-in"])


def test_behind_a_proxy_cookies_are_for_https_and_no_header_says_where_to_come_back_to(tenant, guarded):
    spoofed = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "Host": "evil.example"}
    answer = guarded.send("GET", "/ui/-/sign-in", headers=spoofed)
    [cookie] = answer.cookies
    assert cookie.startswith("__Host-baselift-sign-in=")
    assert "Secure" in cookie.split("; ")
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["redirect_uri"] == [tenant.redirect]
    assert "evil" not in answer.headers["location"]


@pytest.mark.parametrize("roles", [[], ["Owner"], ["Task.Read"]])
def test_somebody_without_a_role_here_is_told_so(tenant, guarded, approve, roles):
    tenant.roles = roles
    browser = signed_in(guarded, approve)
    assert browser.answer.status == 403
    assert "an administrator assigns Baselift.Reader" in text(browser.answer)
    assert browser.get(UI).status == 401


@pytest.mark.parametrize(
    ("claims", "signing", "reason"),
    [
        ({"aud": "00000000-0000-0000-0000-000000000002"}, {}, "another audience"),
        ({"aud": "https://graph.microsoft.com"}, {}, "another audience"),
        ({"iss": "https://login.microsoftonline.com/common/v2.0"}, {}, "another issuer"),
        ({"exp": int(time.time()) - HOUR}, {}, "has expired"),
        ({"nbf": int(time.time()) + HOUR}, {}, "not valid yet"),
        ({"nonce": "another"}, {}, "not one to this sign-in"),
        ({"nonce": None}, {}, "not one to this sign-in"),
        ({}, {"key": rsa_key("forger")}, "signature is wrong"),
        ({}, {"alg": "none"}, "algorithm that is not accepted"),
        ({}, {"alg": "HS256", "key": b"s" * 32}, "algorithm that is not accepted"),
    ],
)
def test_an_id_token_that_is_not_for_this_app_and_flow_opens_nothing(tenant, guarded, approve, claims, signing, reason):
    tenant.changes, tenant.signing = claims, signing
    browser = signed_in(guarded, approve)
    assert browser.answer.status == 401
    assert reason in text(browser.answer)
    assert "baselift-session" not in browser.cookies
    assert browser.get(UI).status == 401


@pytest.mark.parametrize("raw", [(200, "{}"), (200, "[]"), (200, '"x"'), (200, '{"id_token": 1}')])
def test_an_answer_without_an_id_token_opens_nothing(tenant, guarded, approve, raw):
    tenant.raw = raw
    assert signed_in(guarded, approve).answer.status == 401


def test_an_answer_that_is_no_json_is_not_logged(tenant, guarded, approve):
    tenant.raw = 200, '{"id_token": "h4lf-a-token'
    assert signed_in(guarded, approve).answer.status == 401
    assert "h4lf-a-token" not in (guarded.directory / "app.log").read_text()


def test_coming_back_twice_opens_nothing_with_or_without_the_cookie(tenant, guarded, approve):
    browser = Browser(guarded)
    path = approve(begin(browser))
    flow = dict(browser.cookies)
    assert browser.get(path).status == 303
    again = browser.get(path)
    assert again.status == 400
    assert "has come back from it already" in text(again)
    thief = Browser(guarded, cookies=flow)
    copied = thief.get(path)
    assert copied.status == 403
    assert "already redeemed" in text(copied)
    assert "baselift-session" not in thief.cookies


def test_an_answer_to_somebody_elses_sign_in_is_refused_and_ones_own_goes_on(tenant, guarded, approve):
    mine, other = Browser(guarded), Browser(guarded)
    own, foreign = approve(begin(mine)), approve(begin(other))
    refused = mine.get(foreign)
    assert refused.status == 400
    assert "no answer to the sign-in that this browser began last" in text(refused)
    assert tenant.asked == []
    assert Browser(guarded).get(own).status == 400
    assert mine.get(own).status == 303


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA", "\u00e4", "a" * 5000])
def test_a_cookie_that_is_not_ours_begins_nothing(tenant, guarded, cookie):
    headers = {"Cookie": f"baselift-sign-in={cookie}".encode().decode("latin-1")}
    assert guarded.send("GET", f"{BACK}?code=c&state=s", headers=headers).status == 400
    assert tenant.asked == []


def test_the_words_of_an_error_are_shown_as_words(tenant, guarded, approve):
    words = "<script>alert(1)</script>\n\u202edenied" + "!" * 999
    tenant.error = {"error": "access_denied", "error_description": words}
    browser = signed_in(guarded, approve)
    assert browser.answer.status == 403
    page = browser.answer.content.decode()
    assert "access_denied: &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "!" * 700 not in page
    assert "let nobody in" in page
    assert browser.get(UI).status == 401


def test_a_link_with_an_error_shows_nothing_to_who_began_no_such_sign_in(tenant, guarded):
    browser = Browser(guarded)
    begin(browser)
    said = urlencode({"error": "call", "error_description": "0800-IMPOSTOR", "state": "guessed"})
    for visitor in (browser, Browser(guarded)):
        answer = visitor.get(f"{BACK}?{said}")
        assert answer.status == 400
        assert "IMPOSTOR" not in text(answer)


def test_neither_code_nor_error_is_no_answer(tenant, guarded, approve):
    browser = Browser(guarded)
    state = parse_qs(urlsplit(begin(browser)).query)["state"][0]
    assert browser.get(f"{BACK}?state={state}").status == 401


@pytest.mark.parametrize(
    "after", ["https://evil.example/ui", "//evil.example/ui", "/ui/..//evil.example", "/other", "/ui/" + "x" * 1100]
)
def test_signing_in_leads_nowhere_else(tenant, guarded, approve, after):
    browser = Browser(guarded)
    url = browser.get(f"/ui/-/sign-in?{urlencode({'after': after})}").headers["location"]
    assert browser.get(approve(url)).headers["location"] == "/ui"


def test_a_session_opens_pages_and_not_the_api(tenant, guarded, approve):
    browser = signed_in(guarded, approve)
    session = browser.cookies["baselift-session"]
    for headers in ({"Authorization": f"Bearer {session}"}, {"Cookie": f"baselift-session={session}"}):
        path = f"{REGISTRY_ID}/tasks?api-version=2025-03-01-preview"
        assert guarded.send("GET", path, headers=headers).status == 401
    browser.cookies["baselift-session"] = session[:-2] + "xx"
    assert browser.get(UI).status == 401
    browser.cookies["baselift-session"] = tenant.token(roles=["Baselift.Contributor"])
    assert browser.get(UI).status == 401


def test_a_token_of_the_api_still_opens_pages(tenant, guarded):
    bearer = {"Authorization": f"Bearer {tenant.token(roles=['Baselift.Reader'])}"}
    assert guarded.send("GET", UI, headers=bearer).status == 200
