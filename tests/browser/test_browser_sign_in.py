"""Somebody signs in at a tenant of Microsoft Entra, which is another site, acts, and signs out, by clicks alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from access.directory import NEVER, Directory, app_settings, directory
from browser.visitor import PHONE, UI, visitor
from live_app import Live, live_app
from parts.ports import reserved_port
from playwright.sync_api import Browser, expect


@dataclass(frozen=True)
class Guarded:
    live: Live
    tenant: Directory


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    place = tmp_path_factory.mktemp("sign-in")
    with directory(place / "https") as (tenant, ca), reserved_port(0, "app") as port:
        given = app_settings(tenant, ca, port)
        state = place / "state"
        with live_app(state, notifications=False, reconcile=NEVER, settings=given, port=port) as live:
            tenant.redirect = f"{live.url}/ui/-/signed-in"
            yield Guarded(live, tenant)


def test_somebody_signs_in_acts_and_signs_out(chrome: Browser, guarded: Guarded) -> None:
    with visitor(chrome, guarded.live.url, ignore_https_errors=True) as visit:
        page = visit.page
        answer = page.goto(f"{visit.root}{UI}/waves")
        assert answer is not None
        assert answer.status == 401
        visit.problems = [each for each in visit.problems if "401" not in each]
        visit.check()
        page.get_by_role("link", name="Sign in with Microsoft").click()
        expect(page).to_have_title("Pick an account")
        assert page.url.startswith(guarded.tenant.url)
        page.get_by_role("link", name="Ada").click()
        expect(page).to_have_url(f"{visit.root}{UI}/waves")
        expect(page.get_by_text("ada@example.org")).to_be_visible()
        page.locator(f'form[action="{UI}/pause"] button').click()
        expect(page.locator("main")).to_contain_text("paused")
        page.locator(f'form[action="{UI}/unpause"] button').click()
        expect(page.locator(f'form[action="{UI}/pause"]')).to_be_visible()
        names = {cookie["name"]: cookie for cookie in visit.context.cookies(visit.root)}
        assert set(names) == {"baselift-browser", "baselift-session"}
        assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" for cookie in names.values())
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("link", name="Sign in with Microsoft")).to_be_visible()
        assert page.goto(f"{visit.root}{UI}/waves").status == 401
        visit.problems = [each for each in visit.problems if "401" not in each]
        assert visit.problems == []


@pytest.mark.campaign
def test_a_refusal_is_read_on_a_phone(chrome: Browser, guarded: Guarded) -> None:
    guarded.tenant.error = {"error": "access_denied", "error_description": "AADSTS65004: <b>declined</b> " + "x" * 400}
    with visitor(chrome, guarded.live.url, PHONE, "dark", ignore_https_errors=True) as visit:
        visit.page.goto(f"{visit.root}/ui/-/login")
        visit.page.get_by_role("link", name="Sign in with Microsoft").click()
        visit.page.get_by_role("link", name="Ada").click()
        expect(visit.page.get_by_role("alert")).to_contain_text("let nobody in")
        assert "AADSTS65004: <b>declined</b>" in visit.text()
        visit.problems = [each for each in visit.problems if "403" not in each]
        visit.check()
    guarded.tenant.reset()
