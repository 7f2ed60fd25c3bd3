"""The settings of the dashboard's sign-in: whole, or refused with all that is missing."""

import pytest
from access.support import APPLICATION, AUDIENCE, TENANT

from baselift.access.settings import InvalidAccess, load

IDENTITY = "0d5f0c62-3c1b-4f0e-9d52-0f3b7a6c9e11"
ENTRA = {"BASELIFT_ACCESS": "entra", "BASELIFT_TENANT": TENANT, "BASELIFT_AUDIENCE": AUDIENCE}
WHOLE = {"SECRET": "s3cret", "URL": "https://app.example"}


def signed(base=ENTRA, **given):
    return base | {f"BASELIFT_SIGN_IN_{name}": value for name, value in given.items()}


def test_nobody_signs_in_unless_it_is_set_up():
    assert load({}).sign_in is None
    assert load(ENTRA).sign_in is None
    assert load(signed(SECRET=" ")).sign_in is None


def test_the_audience_names_the_application_unless_a_setting_does():
    read = load(signed(**WHOLE)).sign_in
    assert (read.client, read.secret, read.identity, read.url) == (APPLICATION, "s3cret", "", "https://app.example")
    assert load(signed(**WHOLE, CLIENT=IDENTITY.upper())).sign_in.client == IDENTITY
    named = ENTRA | {"BASELIFT_AUDIENCE": f"api://baselift, {AUDIENCE}"}
    assert load(signed(named, **WHOLE)).sign_in.client == APPLICATION


def test_an_identity_is_enough():
    read = load(signed(IDENTITY=IDENTITY, URL="http://localhost:7071")).sign_in
    assert (read.secret, read.identity) == ("", IDENTITY)


def test_the_platform_says_where_the_app_is_and_another_host_does_not():
    on_azure = ENTRA | {"WEBSITE_HOSTNAME": "func.azurewebsites.net", "WEBSITE_SITE_NAME": "func"}
    assert load(signed(on_azure, SECRET="s3cret")).sign_in.url == "https://func.azurewebsites.net"
    assert load(signed(on_azure, **WHOLE)).sign_in.url == "https://app.example"
    with pytest.raises(InvalidAccess, match="BASELIFT_SIGN_IN_URL is missing"):
        load(signed(ENTRA | {"WEBSITE_HOSTNAME": "elsewhere:7071"}, SECRET="s3cret"))


@pytest.mark.parametrize(
    ("env", "problems"),
    [
        (signed(URL="https://app.example"), ["BASELIFT_SIGN_IN_SECRET is missing"]),
        (signed(CLIENT=APPLICATION), ["BASELIFT_SIGN_IN_SECRET is missing", "BASELIFT_SIGN_IN_URL is missing"]),
        (
            signed(ENTRA | {"BASELIFT_AUDIENCE": "api://baselift"}, SECRET="s3cret"),
            ["BASELIFT_SIGN_IN_CLIENT is missing", "BASELIFT_SIGN_IN_URL is missing"],
        ),
        (signed(**WHOLE, IDENTITY=IDENTITY), ["BASELIFT_SIGN_IN_SECRET and BASELIFT_SIGN_IN_IDENTITY are both set"]),
        (signed(**WHOLE, CLIENT="baselift"), ["BASELIFT_SIGN_IN_CLIENT is 'baselift'; it must be a GUID"]),
        (signed(IDENTITY="id-baselift", URL=WHOLE["URL"]), ["BASELIFT_SIGN_IN_IDENTITY is 'id-baselift'"]),
        (signed(SECRET="s3cret", URL="http://app.example"), ["BASELIFT_SIGN_IN_URL is 'http://app.example'"]),
        (signed(SECRET="s3cret", URL="https://app.example/ui"), ["it must be https://host without a path"]),
        (
            signed(ENTRA | {"BASELIFT_PLATFORM_LOGIN": "true"}, **WHOLE),
            ["BASELIFT_SIGN_IN_SECRET is set and BASELIFT_PLATFORM_LOGIN is true"],
        ),
        (
            signed(ENTRA | {"BASELIFT_AUTHORITY": "http://127.0.0.1:1"}, **WHOLE),
            ["BASELIFT_AUTHORITY is 'http://127.0.0.1:1'; it must be https://host where"],
        ),
        (
            signed({"BASELIFT_AUDIENCE": AUDIENCE}, **WHOLE),
            ["BASELIFT_SIGN_IN_SECRET is set, which goes with BASELIFT_ACCESS=entra only"],
        ),
    ],
)
def test_half_of_it_is_refused_with_all_that_is_wrong(env, problems):
    with pytest.raises(InvalidAccess) as caught:
        load(env)
    assert len(caught.value.problems) == len(problems)
    assert all(problem in found for problem, found in zip(problems, caught.value.problems, strict=True))
    assert "s3cret" not in str(caught.value)
