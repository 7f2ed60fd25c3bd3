"""Mode `entra`, with an issuer on this machine and real tokens."""

import json
import time

import jwt
import pytest
from access.support import APPLICATION, AUDIENCE, TENANT, denied, handmade, issuing, part, pem, request, rsa_key
from hypothesis import given, settings
from hypothesis import strategies as st

from baselift.access.caller import Denied, Incoming, Role
from baselift.access.entra import Entra, issuers
from baselift.access.jwks import FRESH, OLDEST, PAUSE, PAUSE_AFTER_FAILURE, KeySet

HOUR = 3600
CONTRIBUTOR, READER = {"roles": ["Baselift.Contributor"]}, {"roles": ["Baselift.Reader"]}


@pytest.fixture
async def issuer():
    async with issuing() as started:
        yield started


@pytest.fixture
def access(issuer):
    return issuer.access()


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


@pytest.fixture
def entra(issuer, clock):
    """The mode alone, with a clock that the test turns."""
    keys = KeySet(f"{issuer.url}/{TENANT}/discovery/v2.0/keys", clock)
    return Entra(TENANT, (AUDIENCE,), issuer.url, keys)


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (["Baselift.Reader"], Role.READER),
        (["reader"], Role.READER),
        (["Baselift.Contributor"], Role.CONTRIBUTOR),
        (["contributor", "Other.Role"], Role.CONTRIBUTOR),
        (["Baselift.Reader", "Baselift.Contributor"], Role.CONTRIBUTOR),
    ],
)
async def test_an_app_role_says_what_a_caller_may(issuer, access, roles, role):
    caller = await access.check(request(issuer.token(roles=roles)), Role.READER)
    assert (caller.name, caller.role) == ("ada@example.org", role)


async def test_a_reader_is_no_contributor(issuer, access):
    error = await denied(access, issuer.token(**READER), Role.CONTRIBUTOR)
    assert (error.status, error.code) == (403, "AuthorizationFailed")
    await access.check(request(issuer.token(**CONTRIBUTOR)), Role.CONTRIBUTOR)


@pytest.mark.parametrize("roles", [None, [], ["Owner"], "Baselift.Contributor", [None], [["reader"]], {"reader": 1}])
async def test_a_caller_without_a_role_may_nothing(issuer, access, roles):
    error = await denied(access, issuer.token(roles=roles))
    assert error.status == 403
    assert "Baselift.Reader" in error.message


async def test_both_issuers_of_a_tenant_and_the_bare_application_id_are_accepted(issuer, access):
    for changes in ({"iss": f"https://sts.windows.net/{TENANT}/"}, {"aud": APPLICATION}, {"aud": [AUDIENCE, "other"]}):
        await access.check(request(issuer.token(**changes)), Role.READER)


@pytest.mark.parametrize(
    ("authority", "second", "first"),
    [
        ("https://login.microsoftonline.com", "https://login.microsoftonline.com", "https://sts.windows.net"),
        ("https://login.microsoftonline.us", "https://login.microsoftonline.us", "https://sts.windows.net"),
        *(
            (each, "https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn")
            for each in ("https://login.partner.microsoftonline.cn", "https://login.chinacloudapi.cn")
        ),
    ],
)
def test_each_cloud_has_issuers_of_its_own(authority, second, first):
    assert issuers(TENANT, authority) == [f"{second}/{TENANT}/v2.0", f"{first}/{TENANT}/"]


async def test_a_workload_goes_by_its_application_id(issuer, access):
    caller = await access.check(request(issuer.token(preferred_username=None, azp="some-app")), Role.READER)
    assert caller.name == "some-app"
    odd = await access.check(request(issuer.token(preferred_username=["x"], azp=None, appid="old-app")), Role.READER)
    assert odd.name == "old-app"


@pytest.mark.parametrize("audience", [APPLICATION, AUDIENCE])
@pytest.mark.parametrize(
    "claims",
    [
        {"azp": None},
        {"azp": ""},
        {"azp": ["some-client"], "appid": 7},
        {"nonce": "n"},
        {"azp": None, "appid": "old-app", "at_hash": "h"},
        {"c_hash": "h"},
    ],
)
async def test_an_id_token_is_no_access_token(issuer, access, audience, claims):
    token = issuer.token(aud=audience, **(CONTRIBUTOR | claims))
    error = await denied(access, token)
    assert (error.status, error.code) == (401, "InvalidAuthenticationToken")
    assert "no access token" in error.message


async def test_an_access_token_of_either_version_may_be_for_the_bare_application_id(issuer, access):
    first = {"iss": f"https://sts.windows.net/{TENANT}/", "azp": None, "appid": "old-app", "scp": "user_impersonation"}
    for changes in (first, {"scp": "user_impersonation"}, {"preferred_username": None, "idtyp": "app"}):
        await access.check(request(issuer.token(aud=APPLICATION, **changes)), Role.READER)


async def test_somebody_who_signed_in_without_a_name_goes_by_none(issuer, entra):
    token = issuer.token(preferred_username=["x"], sub=None, azp=None)
    assert (await entra.signed_in(token)).name == "unknown"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": time.time() - HOUR}, "expired"),
        ({"nbf": time.time() + HOUR}, "not valid yet"),
        ({"iat": time.time() + HOUR}, "not valid yet"),
        ({"aud": "https://management.azure.com/"}, "another audience"),
        ({"aud": f"{AUDIENCE}/"}, "another audience"),
        ({"aud": "api://"}, "another audience"),
        ({"iss": f"https://sts.windows.net/{APPLICATION}/"}, "another issuer"),
        ({"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0"}, "another issuer"),
        ({"iss": TENANT}, "another issuer"),
        ({"exp": None}, "lacks a claim"),
        ({"nbf": None}, "lacks a claim"),
        ({"aud": None}, "lacks a claim"),
        ({"iss": None}, "lacks a claim"),
        ({"aud": {"a": 1}}, "another audience"),
        ({"exp": "never"}, "not readable"),
    ],
)
async def test_a_token_that_is_not_for_here_and_now_is_refused(issuer, access, changes, reason):
    error = await denied(access, issuer.token(**(CONTRIBUTOR | changes)))
    assert error.status == 401
    assert reason in error.message
    assert 'error="invalid_token"' in error.challenge


async def test_a_token_of_a_forged_key_is_refused(issuer, access):
    forged = issuer.token(key=rsa_key("forger"), kid="one", **CONTRIBUTOR)
    assert "signature is wrong" in (await denied(access, forged)).message
    unknown = issuer.token(key=rsa_key("forger"), kid="forged", **CONTRIBUTOR)
    assert "not known here" in (await denied(access, unknown)).message


async def test_a_token_that_is_not_signed_is_refused_and_asks_for_no_keys(issuer, access):
    _, claims, signature = issuer.token(**CONTRIBUTOR).split(".")
    for alg in ("none", "None", "nOnE", "", None, 0, ["RS256"]):
        for tail in ("", signature):
            error = await denied(access, f"{part({'alg': alg, 'kid': 'one'})}.{claims}.{tail}")
            assert (error.status, error.code) == (401, "InvalidAuthenticationToken")
    assert issuer.asked == 0


async def test_the_public_key_is_no_secret_to_sign_with(issuer, access):
    claims = issuer.claims(**CONTRIBUTOR)
    for secret in (pem(rsa_key("one")), pem(rsa_key("one")).strip()):
        forged = handmade({"alg": "HS256", "kid": "one", "typ": "JWT"}, claims, secret)
        assert "algorithm" in (await denied(access, forged)).message


@pytest.mark.parametrize("alg", ["RS512", "PS256"])
async def test_other_algorithms_of_the_same_key_are_refused(issuer, access, alg):
    assert "algorithm" in (await denied(access, issuer.token(alg=alg, **CONTRIBUTOR))).message


async def test_a_key_that_the_token_brings_along_is_not_used(issuer, access):
    forger = rsa_key("forger")
    jwk = issuer.public("own", forger)
    for header in ({"jwk": jwk}, {"jwk": jwk, "kid": "one"}, {"jku": f"{issuer.url}/keys", "kid": "own"}):
        token = jwt.encode(issuer.claims(**CONTRIBUTOR), forger, "RS256", header)
        assert (await denied(access, token)).status == 401


async def test_keys_are_fetched_once_for_many_requests(issuer, access):
    for _ in range(5):
        await access.check(request(issuer.token()), Role.READER)
    assert issuer.asked == 1


async def test_a_new_key_of_the_issuer_is_found_and_an_old_one_is_dropped(issuer, entra, clock):
    old = issuer.token()
    await entra.caller(request(old))
    issuer.keys = {"two": rsa_key("two")}
    clock.now += PAUSE
    await entra.caller(request(issuer.token(kid="two")))
    assert issuer.asked == 2
    with pytest.raises(Denied, match="not known here"):
        await entra.caller(request(old))


async def test_forged_key_ids_cause_no_flood_of_requests(issuer, entra, clock):
    await entra.caller(request(issuer.token()))
    for number in range(20):
        with pytest.raises(Denied, match="not known here"):
            await entra.caller(request(issuer.token(key=rsa_key("forger"), kid=f"forged-{number}")))
    assert issuer.asked == 1
    clock.now += PAUSE
    for number in range(20):
        with pytest.raises(Denied, match="not known here"):
            await entra.caller(request(issuer.token(key=rsa_key("forger"), kid=f"forged-{number}")))
    assert issuer.asked == 2


async def test_keys_that_are_known_outlive_an_issuer_that_does_not_answer(issuer, entra, clock):
    await entra.caller(request(issuer.token()))
    issuer.answer = {"status": 500}
    clock.now += FRESH
    await entra.caller(request(issuer.token()))
    assert issuer.asked == 2
    clock.now += OLDEST
    with pytest.raises(Denied) as caught:
        await entra.caller(request(issuer.token()))
    assert caught.value.status == 503


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"status": 404, "text": "{}"},
        {"status": 302, "headers": {"Location": "/elsewhere"}},
        {"text": "<html>"},
        {"text": "[]"},
        {"text": '{"keys": {}}'},
        {"text": "[" * 100000},
        {"body": b"\xff\xfe"},
        {"text": '{"keys": [' + " " * 1024 * 1024 + "]}"},
    ],
)
async def test_an_issuer_without_keys_leaves_it_open_who_calls_until_it_answers(issuer, entra, clock, answer):
    issuer.answer = answer
    for _ in range(3):
        with pytest.raises(Denied) as caught:
            await entra.caller(request(issuer.token()))
        assert (caught.value.status, caught.value.code) == (503, "ServiceUnavailable")
    assert issuer.asked == 1
    issuer.answer = None
    clock.now += PAUSE_AFTER_FAILURE
    await entra.caller(request(issuer.token()))


async def test_an_issuer_that_is_not_there_leaves_it_open_who_calls(caplog):
    async with issuing() as gone:
        access, token = gone.access(), gone.token()
    error = await denied(access, token)
    assert error.status == 503
    assert "127.0.0.1" not in error.message
    assert "127.0.0.1" in caplog.text
    assert token not in caplog.text


async def test_keys_for_other_purposes_or_too_weak_are_passed_over(issuer, access):
    good, weak = rsa_key("one"), rsa_key("weak", 1024)
    bad = [
        None,
        {},
        {"kid": 1, "kty": "RSA"},
        {"kid": "oct", "kty": "oct", "k": "c2VjcmV0"},
        {"kid": "broken", "kty": "RSA", "n": "AQAB"},
        issuer.public("encrypts", good, use="enc"),
        issuer.public("weak", weak),
        {**jwt.algorithms.RSAAlgorithm.to_jwk(good, as_dict=True), "kid": "private"},
    ]
    keys = [*bad, issuer.public("one", good)]
    issuer.answer = {"body": json.dumps({"keys": keys}).encode()}
    await access.check(request(issuer.token()), Role.READER)
    for kid in ("encrypts", "private"):
        assert "not known here" in (await denied(access, issuer.token(key=good, kid=kid))).message
    forged = handmade({"alg": "RS256", "kid": "oct"}, issuer.claims(**CONTRIBUTOR), b"secret")
    assert "not known here" in (await denied(access, forged)).message


async def test_a_login_here_gives_no_tokens(access):
    assert await access.log_in("application/x-www-form-urlencoded", b"grant_type=client_credentials") is None


async def test_our_own_tokens_mean_nothing_here(issuer, access):
    claims = issuer.claims(**CONTRIBUTOR)
    assert (await denied(access, jwt.encode(claims, b"k" * 32, "HS256", {"kid": "one"}))).status == 401


class Unasked(KeySet):
    """Keys that answer without a network, as fuzzing needs thousands of answers."""

    async def get(self, name):
        return rsa_key("one").public_key() if name == "one" else None


FUZZED = Entra(TENANT, (AUDIENCE,), "https://login.example", Unasked("https://login.example"))
SCALARS = st.none() | st.integers() | st.floats() | st.text(max_size=9)
JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=9), SCALARS, max_size=3)
HEADER = st.fixed_dictionaries(
    {"alg": st.just("RS256"), "kid": st.just("one")}, optional={"crit": JSON, "b64": JSON, "typ": JSON}
)
NAMES = st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "jti", "roles"])


@given(HEADER | JSON, st.dictionaries(NAMES, JSON) | JSON, st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
async def test_no_token_is_too_odd_to_be_refused(header, claims, signature):
    token = f"{part(header)}.{part(claims)}.{part(signature)}"
    with pytest.raises(Denied) as caught:
        await FUZZED.caller(Incoming("GET", "https://app/", {"authorization": f"Bearer {token}"}))
    assert caught.value.status == 401


VALID = {"iss": f"https://login.example/{TENANT}/v2.0", "aud": AUDIENCE, "exp": 2**33, "nbf": 0}
SIGNED = st.builds(
    lambda claims: VALID | claims, st.dictionaries(NAMES.filter(lambda name: name != "iss"), JSON, min_size=1)
)


@given(SIGNED)
@settings(max_examples=60, deadline=None)
async def test_no_signed_claim_is_too_odd_to_be_judged(claims):
    token = jwt.encode(claims, rsa_key("one"), "RS256", {"kid": "one"})
    try:
        caller = await FUZZED.caller(Incoming("GET", "https://app/", {"authorization": f"Bearer {token}"}))
    except Denied:
        return
    assert caller.role in Role
    assert "reader" in str(claims["roles"]).lower() or "contributor" in str(claims["roles"]).lower()
