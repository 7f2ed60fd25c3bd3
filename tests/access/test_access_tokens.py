"""Mode `clients`: our own tokens, and the endpoint that gives them."""

import json
import time

import jwt
import pytest
from access.support import FORM, clients_access, denied, handmade, part, request, secret_key, token_of
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.access.access import Access
from baselift.access.caller import Denied, Incoming, Role
from baselift.access.settings import load
from baselift.access.token_endpoint import LARGEST
from baselift.access.tokens import Grant, Tokens

CI, EYE = ("ci", "contributor", "right"), ("eye", "reader", "view")


@pytest.fixture(scope="session")
def access():
    return clients_access(CI, EYE)


async def token(access, name="ci", secret="right"):
    return (await token_of(access, name, secret)).body["access_token"]


def signed(access, changes=None, key=None, alg="HS256", kid=None, drop=()):
    """A token as access would sign it, but for what is changed."""
    tokens = access._gate._tokens
    credential = access._gate._clients.get("ci").credential
    given_claims = jwt.decode(
        tokens.issue(Grant("ci", Role.CONTRIBUTOR, credential), time.time()), options={"verify_signature": False}
    )
    claims = {name: value for name, value in (given_claims | (changes or {})).items() if name not in drop}
    return jwt.encode(claims, key or tokens._keys[tokens._current], alg, {"kid": kid or tokens._current})


async def test_a_client_gets_a_token_that_is_good_for_its_role(access):
    answer = await token_of(access, "eye", "view")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 28800)
    caller = await access.check(request(answer.body["access_token"]), Role.READER)
    assert (caller.name, caller.role) == ("eye", Role.READER)
    error = await denied(access, answer.body["access_token"], Role.CONTRIBUTOR)
    assert (error.status, error.code) == (403, "AuthorizationFailed")
    assert "contributor" in error.message


async def test_a_contributor_may_do_all_that_a_reader_may(access):
    for needs in Role:
        assert (await access.check(request(await token(access)), needs)).role is Role.CONTRIBUTOR


async def test_a_token_says_who_for_whom_and_until_when(access):
    claims = jwt.decode(await token(access), options={"verify_signature": False})
    assert claims["aud"] == "api://baselift"
    assert (claims["sub"], claims["roles"]) == ("ci", ["contributor"])
    assert claims["exp"] - claims["iat"] == 28800
    assert claims["nbf"] == claims["iat"]
    assert claims["tid"]
    assert "scrypt" not in json.dumps(claims)


async def test_without_a_token_one_is_asked_for(access):
    error = await denied(access)
    assert (error.status, error.challenge) == (401, 'Bearer realm="baselift"')
    assert error.body()["error"]["code"] == "AuthenticationFailed"
    assert error.headers() == {"WWW-Authenticate": error.challenge}


@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "Basic YTpi", "Bearer a,Bearer b", "Bearer é", "x" * 20000])
async def test_an_authorization_that_is_no_bearer_token_is_refused(access, value):
    error = await denied(access, authorization=value)
    assert error.status == 401
    assert 'error="invalid_token"' in error.challenge


async def test_the_scheme_may_be_written_in_any_case(access):
    await access.check(request(Authorization=f"bearer  {await token(access)}"), Role.READER)


HOUR = 3600
PAST, FUTURE = time.time() - HOUR, time.time() + HOUR


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": PAST}, "expired"),
        ({"nbf": FUTURE}, "not valid yet"),
        ({"iat": FUTURE}, "not valid yet"),
        ({"aud": "https://management.azure.com/"}, "another audience"),
        ({"aud": []}, "lacks a claim"),
        ({"iss": "urn:baselift:none"}, "another issuer"),
        ({"iss": "https://sts.windows.net/x/"}, "another issuer"),
        ({"sub": "nobody"}, "is gone"),
        ({"sub": "eye"}, "another secret"),
        ({"credential": "0" * 16}, "another secret"),
        ({"roles": ["owner"]}, "lacks a claim"),
        ({"roles": []}, "lacks a claim"),
        ({"roles": [1]}, "lacks a claim"),
        ({"sub": 7}, "not readable"),
        ({"exp": "soon"}, "not readable"),
        ({"exp": float("inf")}, "not readable"),
    ],
)
async def test_a_token_of_our_own_making_is_good_only_as_it_was_made(access, changes, reason):
    await access.check(request(signed(access)), Role.CONTRIBUTOR)
    error = await denied(access, signed(access, changes))
    assert error.status == 401
    assert reason in error.message


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "iss", "aud", "sub", "roles", "credential"])
async def test_a_token_without_one_of_its_claims_is_refused(access, claim):
    error = await denied(access, signed(access, drop=[claim]))
    assert (error.status, error.code) == (401, "InvalidAuthenticationToken")
    assert "lacks a claim" in error.message


async def test_a_token_that_is_not_signed_is_refused(access):
    good = signed(access)
    header, claims, signature = good.split(".")
    kid = jwt.get_unverified_header(good)["kid"]
    forged = [
        f"{part({'alg': alg, 'kid': kid})}.{claims}.{tail}"
        for alg in ("none", "None", "NONE")
        for tail in ("", signature)
    ]
    for each in [*forged, f"{header}.{claims}.", f"{part({'kid': kid})}.{claims}.{signature}"]:
        assert (await denied(access, each)).status == 401


async def test_a_token_signed_with_another_key_or_algorithm_is_refused(access):
    kid = jwt.get_unverified_header(signed(access))["kid"]
    assert "signature is wrong" in (await denied(access, signed(access, key=b"x" * 32))).message
    assert "not known here" in (await denied(access, signed(access, key=b"x" * 32, kid="other"))).message
    right = access._gate._tokens._keys[kid]
    long = {"alg": "HS512", "kid": kid}
    for each in (signed(access, key=right * 2, alg="HS512"), handmade(long, {"sub": "ci"}, right)):
        assert "algorithm" in (await denied(access, each)).message


async def test_the_key_of_secrets_at_rest_signs_no_tokens(access):
    raw = bytes([1]) * 32
    assert "signature is wrong" in (await denied(access, signed(access, key=raw))).message


async def test_a_changed_token_is_refused(access):
    header, claims, signature = signed(access, {"roles": ["reader"]}).split(".")
    _, better, _ = signed(access).split(".")
    assert "signature is wrong" in (await denied(access, f"{header}.{better}.{signature}")).message
    assert claims != better


async def test_old_keys_still_verify_and_new_ones_sign():
    old, both, new = clients_access(CI, keys=(1,)), clients_access(CI, keys=(2, 1)), clients_access(CI, keys=(2,))
    before, after = await token(old), await token(both)
    await both.check(request(before), Role.CONTRIBUTOR)
    await both.check(request(after), Role.CONTRIBUTOR)
    await new.check(request(after), Role.CONTRIBUTOR)
    assert "not known here" in (await denied(new, before)).message
    assert "not known here" in (await denied(old, after)).message


async def test_a_token_ends_with_its_client_its_secret_and_its_role():
    before = await token(clients_access(CI))
    assert (await denied(clients_access(EYE), before)).status == 401
    assert (await denied(clients_access(("ci", "contributor", "new")), before)).status == 401
    assert (await denied(clients_access(("ci", "reader", "right")), before, Role.CONTRIBUTOR)).status == 403


async def test_a_token_from_mode_none_opens_nothing_once_clients_are_told_apart():
    alone = Access(load({"BASELIFT_CLIENTS": ""}), [secret_key(1)])
    assert "another issuer" in (await denied(clients_access(CI), await token(alone, "ci", "anything"))).message


async def test_an_audience_and_a_life_can_be_set():
    access = clients_access(CI, BASELIFT_AUDIENCE="api://mine", BASELIFT_TOKEN_SECONDS="60")
    answer = await token_of(access, "ci", "right", scope="api://mine/.default")
    assert answer.body["expires_in"] == 60
    await access.check(request(answer.body["access_token"]), Role.READER)
    assert "another audience" in (await denied(clients_access(CI), answer.body["access_token"])).message


async def test_a_wrong_login_is_answered_as_the_azure_cli_reads_it(access):
    known, unknown = await token_of(access, "ci", "wrong"), await token_of(access, "nobody", "wrong")
    assert known == unknown
    assert known.status == 401
    assert known.body == {
        "error": "invalid_client",
        "error_description": "The client id or the client secret is wrong.",
        "error_codes": [7000215],
    }


async def test_many_wrong_logins_are_told_to_wait():
    access = clients_access(CI)
    for _ in range(5):
        assert (await token_of(access, "ci", "wrong")).status == 401
    answer = await token_of(access, "ci", "right")
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert "try again in" in answer.body["error_description"]


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "api://baselift/.default",
        "https://management.core.windows.net//.default",
        "https://management.azure.com/.default",
        "api://baselift/.default+openid+offline_access+profile",
    ],
)
async def test_tokens_are_asked_for_in_these_ways(access, scope):
    answer = await token_of(access, "ci", "right", scope=scope, client_info="1", claims='{"access_token":{}}')
    assert answer.status == 200
    assert jwt.decode(answer.body["access_token"], options={"verify_signature": False})["aud"] == "api://baselift"


async def test_a_token_for_somebody_else_is_not_given(access):
    answer = await token_of(access, "ci", "right", scope="https://containerregistry.azure.net/.default")
    assert (answer.status, answer.body["error"]) == (400, "invalid_scope")
    assert "api://baselift/.default" in answer.body["error_description"]


@pytest.mark.parametrize(
    ("form", "content_type", "status", "error"),
    [
        (b"", FORM, 400, "unsupported_grant_type"),
        (b"grant_type=password&username=a&password=b", FORM, 400, "unsupported_grant_type"),
        (b"grant_type=client_credentials&client_secret=x", FORM, 400, "invalid_request"),
        (b"grant_type=client_credentials&client_id=ci", FORM, 401, "invalid_client"),
        (b"grant_type=client_credentials&client_id=ci&client_id=ci&client_secret=x", FORM, 400, "invalid_request"),
        (b"grant_type=client_credentials&client_id=ci&client_secret=%ff", FORM, 400, "invalid_request"),
        (b"\xff", FORM, 400, "invalid_request"),
        (b"&".join(b"a%d=1" % n for n in range(99)), FORM, 400, "invalid_request"),
        (b"a=" + b"x" * LARGEST, FORM, 413, "invalid_request"),
        (b"{}", "application/json", 400, "invalid_request"),
        (b"grant_type=client_credentials", "text/plain", 400, "invalid_request"),
        (b"grant_type=client_credentials", "", 400, "invalid_request"),
    ],
)
async def test_a_form_that_is_wrong_is_told_why(access, form, content_type, status, error):
    answer = await access.log_in(content_type, form)
    assert (answer.status, answer.body["error"]) == (status, error)
    assert answer.body["error_description"]


async def test_a_form_may_say_its_character_set(access):
    form = b"grant_type=client_credentials&client_id=eye&client_secret=view"
    assert (await access.log_in("Application/X-WWW-Form-Urlencoded; charset=utf-8", form)).status == 200


TOKENLIKE = st.lists(st.text("ABCDabcd0123-_=") | st.binary(max_size=60).map(part), max_size=5).map(".".join)
SCALARS = st.none() | st.integers() | st.text(max_size=9)
HEADERS = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=9), SCALARS, max_size=3)
NAMED = st.dictionaries(
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "jwk", "x5c"]), HEADERS | st.just("HS256")
)
CRAFTED = st.tuples(NAMED | HEADERS, HEADERS).map(lambda parts: handmade(*parts))


FUZZED = clients_access(CI)


@given(st.text() | TOKENLIKE | CRAFTED)
@settings(max_examples=60, deadline=None)
async def test_no_token_is_too_odd_to_be_refused(garbage):
    for value in (garbage, f"Bearer {garbage}"):
        with pytest.raises(Denied) as caught:
            await FUZZED.check(Incoming("GET", "https://app/", {"authorization": value}), Role.READER)
        assert caught.value.status == 401
        assert caught.value.challenge.isascii()


async def test_a_header_of_endless_nesting_is_refused(access):
    deep = f"{part(b'[' * 9000)}.{part({})}.{part(b'x')}"
    assert (await denied(access, deep)).status == 401


def test_a_key_that_is_not_base64_is_refused_at_the_start():
    with pytest.raises(ValueError, match="base64"):
        Tokens(["no key"], issuer="a", audience="b", tenant="c", seconds=60)
