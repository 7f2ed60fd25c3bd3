"""The settings that say who may call."""

import pytest
from access.support import AUDIENCE, TENANT, hashed
from hypothesis import given
from hypothesis import strategies as st

from baselift.access.caller import Role
from baselift.access.settings import ENTRA, NO_TENANT, InvalidAccess, Mode, load

NAMES = ["ACCESS", "CLIENTS", "TENANT", "AUDIENCE", "AUTHORITY", "TOKEN_SECONDS", "TRUST_PROXY"]


def test_without_settings_only_this_machine_may_call():
    read = load({})
    assert (read.mode, read.tenant, read.audiences, read.authority) == (
        Mode.NONE,
        NO_TENANT,
        ("api://baselift",),
        ENTRA,
    )
    assert (read.clients, read.token_seconds, read.trust_proxy) == ((), 28800, False)


def test_everything_can_be_set():
    read = load(
        {
            "BASELIFT_ACCESS": "clients",
            "BASELIFT_CLIENTS": f"ci:contributor:{hashed('right')}",
            "BASELIFT_TENANT": TENANT.upper(),
            "BASELIFT_AUDIENCE": f"{AUDIENCE}, api://other",
            "BASELIFT_AUTHORITY": "https://login.microsoftonline.us",
            "BASELIFT_TOKEN_SECONDS": "60",
            "BASELIFT_TRUST_PROXY": "True",
        }
    )
    assert [(client.id, client.role) for client in read.clients] == [("ci", Role.CONTRIBUTOR)]
    assert (read.tenant, read.audiences) == (TENANT, (AUDIENCE, "api://other"))
    assert (read.authority, read.token_seconds, read.trust_proxy) == ("https://login.microsoftonline.us", 60, True)


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"ACCESS": "open"}, "BASELIFT_ACCESS is 'open'; it must be one of none, clients, entra"),
        ({"ACCESS": "clients"}, "BASELIFT_CLIENTS is missing"),
        ({"ACCESS": "clients", "CLIENTS": " "}, "BASELIFT_CLIENTS is missing"),
        ({"ACCESS": "clients", "CLIENTS": "ci:reader"}, "BASELIFT_CLIENTS: entry 1 must be id:role:hash"),
        ({"ACCESS": "clients", "CLIENTS": "[]"}, "BASELIFT_CLIENTS names no client"),
        ({"ACCESS": "clients", "CLIENTS": ","}, "BASELIFT_CLIENTS names no client"),
        ({"ACCESS": "entra", "AUDIENCE": AUDIENCE}, "BASELIFT_TENANT is missing"),
        ({"ACCESS": "entra", "TENANT": TENANT}, "BASELIFT_AUDIENCE is missing"),
        ({"TENANT": "common"}, "BASELIFT_TENANT is 'common'; it must be a GUID"),
        ({"TENANT": "{" + TENANT + "}"}, "it must be a GUID"),
        ({"AUDIENCE": "api://a b"}, "BASELIFT_AUDIENCE has 'api://a b'"),
        ({"AUDIENCE": ","}, "BASELIFT_AUDIENCE is ','"),
        (
            {"AUTHORITY": "http://login.example"},
            "BASELIFT_AUTHORITY is 'http://login.example'; it must be https://host",
        ),
        ({"AUTHORITY": "https://login.example/tenant"}, "BASELIFT_AUTHORITY"),
        ({"AUTHORITY": "https://user@login.example"}, "BASELIFT_AUTHORITY"),
        ({"AUTHORITY": "https://["}, "BASELIFT_AUTHORITY"),
        ({"TOKEN_SECONDS": "soon"}, "BASELIFT_TOKEN_SECONDS is 'soon'; it must be a number from 60 to 604800"),
        ({"TOKEN_SECONDS": "59"}, "BASELIFT_TOKEN_SECONDS"),
        ({"TOKEN_SECONDS": "9" * 5000}, "BASELIFT_TOKEN_SECONDS"),
        ({"TRUST_PROXY": "yes"}, "BASELIFT_TRUST_PROXY is 'yes'; it must be true or false"),
    ],
)
def test_what_is_wrong_is_named(env, problem):
    with pytest.raises(InvalidAccess) as caught:
        load({f"BASELIFT_{name}": value for name, value in env.items()})
    assert len(caught.value.problems) == 1
    assert problem in str(caught.value)


@pytest.mark.parametrize("mode", ["none", "clients", "entra"])
@pytest.mark.parametrize(
    "audience",
    [
        "https://management.azure.com/",
        "https://management.core.windows.net/",
        "https://Management.Azure.com",
        "797f4846-ba00-4fd7-ba43-dac1f8f63013",
        f"{AUDIENCE},https://management.azure.com/",
        "https://graph.microsoft.com/",
        "https://graph.microsoft.us",
        "https://microsoftgraph.chinacloudapi.cn/",
    ],
)
def test_an_audience_that_is_azures_own_is_refused(mode, audience):
    env = {"BASELIFT_ACCESS": mode, "BASELIFT_TENANT": TENANT, "BASELIFT_AUDIENCE": audience}
    with pytest.raises(InvalidAccess, match="which is Azure's own"):
        load(env | {"BASELIFT_CLIENTS": f"ci:reader:{hashed('right')}"})


def test_mode_none_refuses_to_start_where_others_can_reach_it():
    with pytest.raises(InvalidAccess, match=r"'builds\.azurewebsites\.net' can be reached from elsewhere.* or set"):
        load({"WEBSITE_HOSTNAME": "builds.azurewebsites.net"})
    assert load({"WEBSITE_HOSTNAME": "localhost:7071"}).mode is Mode.NONE


def test_all_problems_are_said_at_once():
    with pytest.raises(InvalidAccess) as caught:
        load({"BASELIFT_ACCESS": "entra", "BASELIFT_TRUST_PROXY": "1", "BASELIFT_CLIENTS": "x"})
    assert len(caught.value.problems) == 4


@given(st.dictionaries(st.sampled_from([f"BASELIFT_{name}" for name in NAMES]), st.text()))
def test_no_value_is_too_odd_to_be_refused(env):
    try:
        read = load(env)
    except InvalidAccess as error:
        assert str(error)  # noqa: PT017
    else:
        assert read.mode is Mode.NONE
