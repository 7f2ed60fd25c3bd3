"""Mode `none`."""

import pytest
from access.support import denied, request, secret_key
from hypothesis import given
from hypothesis import strategies as st

from baselift.access.access import Access
from baselift.access.caller import Denied, Incoming, Role
from baselift.access.loopback import check, check_binding, is_loopback
from baselift.access.settings import load


@pytest.fixture(scope="session")
def access():
    return Access(load({}), [secret_key(1)])


LOCAL = ["localhost", "LOCALHOST:7071", "localhost.", "127.0.0.1", "127.3.2.1:80", "[::1]", "[::1]:8443"]
REMOTE = [
    "",
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "10.0.0.1:80",
    "0.0.0.0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::2]:80",
    "127.1",
    "2130706433",
    "localhost,evil.example",
    "localhost:80:80",
    "localhost@evil.example",
    "user@localhost",
    "localhost\n",
    "::1",
    "[::1",
    "[127.0.0.1",
]


@pytest.mark.parametrize("host", LOCAL)
async def test_this_machine_may_do_everything_without_a_token(access, host):
    for headers in ({"host": host}, {"Host": host, "Origin": f"http://{host}", "Authorization": "Bearer junk"}):
        assert (await access.check(request(**headers), Role.CONTRIBUTOR)).role is Role.CONTRIBUTOR


@pytest.mark.parametrize("host", REMOTE)
async def test_a_name_that_was_made_to_resolve_to_this_machine_is_refused(access, host):
    assert (await denied(access, host=host)).status == 403
    with pytest.raises(Denied):
        access.admit(request(host=host))


async def test_a_request_without_a_host_is_refused(access):
    assert (await denied(access)).status == 403


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "file://",
        "http://localhost.evil.example",
        "http://localhost/path",
        "localhost",
        "http://[",
        "chrome-extension://localhost",
        "http://localhost http://evil.example",
        "//localhost",
        "http://",
    ],
)
async def test_a_web_page_of_another_site_is_refused(access, origin):
    error = await denied(access, host="localhost:7071", origin=origin)
    assert (error.status, error.code) == (403, "AuthorizationFailed")
    assert "web page" in error.message


async def test_what_a_proxy_passes_on_for_others_is_refused(access):
    assert (await denied(access, host="localhost", x_forwarded_host="app.example")).status == 403
    await access.check(request(host="localhost", x_forwarded_host="localhost:7071"), Role.CONTRIBUTOR)


async def test_two_origins_are_never_read_as_the_better_one(access):
    headers = {"host": "localhost", "origin": "http://localhost", "Origin": "https://evil.example"}
    with pytest.raises(Denied):
        await access.check(Incoming("POST", "http://localhost/", headers), Role.READER)


@given(st.dictionaries(st.sampled_from(["host", "Origin", "x-forwarded-host", "authorization"]), st.text()))
def test_no_header_is_too_odd_to_be_judged(headers):
    try:
        check(Incoming("GET", "http://localhost/", headers))
    except Denied:
        return
    assert is_loopback(headers.get("host", ""))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:7071", "localhost:7071"])
def test_mode_none_may_listen_on_this_machine(address):
    check_binding("none", address)


@pytest.mark.parametrize(
    "address", ["0.0.0.0:7071", "[::]:7071", "", "192.168.1.4", "app.example", "[::ffff:127.0.0.1]:1"]
)
def test_mode_none_may_listen_nowhere_else(address):
    with pytest.raises(ValueError, match=r"BASELIFT_ACCESS is 'none'.*listen on 127\.0\.0\.1"):
        check_binding("none", address)
    check_binding("clients", address)
    check_binding("entra", address)
