"""Forms belong to one browser and session; cookies and claims say who looks."""

import base64
import json

import pytest
from access.support import TENANT, secret_key

from baselift.access.caller import Denied, Role
from baselift.web import platform, session
from baselift.web.csrf import Forms, same_origin

FORMS = Forms([secret_key(1)])


def test_a_form_is_good_in_its_own_browser_and_session_alone():
    token = FORMS.token("browser", "session")
    assert FORMS.good(token, "browser", "session")
    for browser, own in (
        ("other", "session"),
        ("browser", "other"),
        ("browser", ""),
        ("", "session"),
        ("brow", "sersession"),
    ):
        assert not FORMS.good(token, browser, own)


def test_a_form_without_a_browser_is_never_good():
    assert not FORMS.good(FORMS.token("", ""), "", "")


def test_a_token_is_another_text_each_time_and_shares_nothing_with_the_last():
    tokens = [base64.urlsafe_b64decode(FORMS.token("browser", "session")) for _ in range(50)]
    assert len({each[:32] for each in tokens}) == len({each[32:] for each in tokens}) == 50


@pytest.mark.parametrize("token", ["", "x", "é" * 90, "=" * 88, FORMS.token("browser", "session")[:-4], "A" * 88])
def test_what_is_no_token_is_not_good(token):
    assert not FORMS.good(token, "browser", "session")


def test_every_changed_bit_spoils_a_token():
    token = bytearray(base64.urlsafe_b64decode(FORMS.token("browser", "session")))
    for place in range(len(token)):
        changed = bytes(token[:place]) + bytes([token[place] ^ 1]) + bytes(token[place + 1 :])
        assert not FORMS.good(base64.urlsafe_b64encode(changed).decode(), "browser", "session")


def test_a_form_stays_good_while_its_key_is_one_of_the_old_ones():
    token = FORMS.token("browser", "session")
    assert Forms([secret_key(2), secret_key(1)]).good(token, "browser", "session")
    assert not Forms([secret_key(2)]).good(token, "browser", "session")


@pytest.mark.parametrize(
    ("origin", "site", "good"),
    [
        (None, None, True),
        ("https://app.example", "same-origin", True),
        ("https://app.example", None, True),
        (None, "none", True),
        ("https://app.example:8443", None, False),
        ("http://app.example", None, False),
        ("null", None, False),
        (None, "same-site", False),
        ("https://app.example", "cross-site", False),
    ],
)
def test_only_pages_of_the_apps_own_address_send_forms(origin, site, good):
    assert same_origin(origin, site, "https://app.example/ui/x?y") is good


def test_a_cookie_that_is_there_twice_counts_as_absent():
    assert session.read("a=1; b=2; a=3") == {"b": "2"}
    assert session.read("a=1; b") == {}
    assert session.read("a=" + "x" * 20_000) == {}
    assert session.read(None) == {}


def test_over_https_a_cookie_is_of_this_very_host():
    written = session.written(session.SESSION, "v", secure=True, seconds=5)
    assert written == "__Host-baselift-session=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=5; Secure"
    assert session.written("c", "", secure=False, seconds=0) == "c=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"


def principal(*claims: tuple[str, str], **more: object) -> dict[str, str]:
    found = {"auth_typ": "aad", "claims": [{"typ": kind, "val": value} for kind, value in claims]} | more
    return {platform.HEADER: base64.b64encode(json.dumps(found).encode()).decode()}


def caller(*claims: tuple[str, str], **more: object) -> object:
    found = platform.principal(principal(*claims, **more))
    assert found is not None
    return platform.caller(found, TENANT)


@pytest.mark.parametrize(
    ("role", "is_"), [("Baselift.Reader", Role.READER), ("Baselift.Contributor", Role.CONTRIBUTOR)]
)
@pytest.mark.parametrize("kind", ["roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"])
def test_the_platforms_principal_has_the_role_that_the_tenant_gave(role, is_, kind):
    found = caller(("tid", TENANT), (kind, role), ("preferred_username", "ann@example.org"))
    assert (found.name, found.role) == ("ann@example.org", is_)


@pytest.mark.parametrize(
    "claims",
    [
        [("roles", "Baselift.Contributor")],
        [("tid", "11111111-1111-1111-1111-111111111111"), ("roles", "Baselift.Contributor")],
        [("tid", TENANT)],
        [("tid", TENANT), ("roles", "Owner")],
        [("tid", TENANT), ("groups", "Baselift.Contributor")],
    ],
)
def test_a_principal_of_elsewhere_or_without_a_role_is_nobody_here(claims):
    with pytest.raises(Denied) as caught:
        caller(*claims)
    assert caught.value.status == 403


def test_a_principal_that_another_provider_vouches_for_is_nobody_here():
    with pytest.raises(Denied):
        caller(("tid", TENANT), ("roles", "Baselift.Contributor"), auth_typ="github")


@pytest.mark.parametrize("header", ["", "%%%", "bm90IGpzb24=", base64.b64encode(b"[]").decode(), "A" * 70_000])
def test_a_header_that_says_nothing_is_nobody(header):
    assert platform.principal({platform.HEADER: header}) is None
