"""Signing in at Microsoft Entra: its settings, flows and proofs of identity, without a running app."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import azure.functions as func
import pytest
from access.directory import IDENTITY, PROOF, SECRET, Directory, app_settings, approving, directory
from access.support import APPLICATION, TENANT, secret_key

from baselift import settings, wiring
from baselift.access.access import Access
from baselift.access.caller import Denied, Role
from baselift.access.provider import Provider, ProviderRefused
from baselift.access.sign_in import FLOW_SECONDS, NoSuchFlow
from baselift.azure.exchange_token import ExchangeToken, audience
from baselift.domain.builds import Failure
from functions import dashboard_edge
from functions.dashboard_edge import Visit, showing

BACK = "/ui/-/signed-in"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Directory, Path]]:
    with directory(tmp_path_factory.mktemp("tenant") / "https") as found:
        yield found


@pytest.fixture
def approve(place: tuple[Directory, Path]) -> Callable[[str], str]:
    return approving(place[1])


def _configured(made: Directory, **more: str) -> settings.Settings:
    given = app_settings(made, Path("unused"), 80) | {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "BASELIFT_LOGIN_SERVER": "localhost:1",
        "BASELIFT_SECRET_KEY": secret_key(1),
        "BASELIFT_WEBHOOK_SECRET": "unused",
    }
    return settings.load({name: value for name, value in (given | more).items() if value})


@pytest.fixture
def tenant_here(place, monkeypatch):
    """The tenant, trusted by this process."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(place[1]))
    place[0].reset()
    place[0].redirect = f"http://127.0.0.1{BACK}"
    return place[0]


async def test_a_flow_ends_after_ten_minutes(tenant_here, monkeypatch):
    sign_in = Access(_configured(tenant_here).access, [secret_key(1)]).sign_in
    with pytest.warns(UserWarning, match="form_post"):
        made = await sign_in.begin("/ui")
    state = parse_qs(urlsplit(made.url).query)["state"][0]
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + FLOW_SECONDS - 1)
    assert sign_in.flow(made.cookie, state).after == "/ui"
    monkeypatch.setattr(time, "time", lambda: began + FLOW_SECONDS + 1)
    for cookie in (made.cookie, "", "\u00e4", "gAAAAA"):
        with pytest.raises(NoSuchFlow) as caught:
            sign_in.flow(cookie, state)
        assert not caught.value.other


async def begun(provider: Provider, approve) -> tuple[dict, dict[str, str]]:
    """A flow, and what a browser brings back to it."""
    with pytest.warns(UserWarning, match="form_post"):
        url, flow = await provider.begin(f"http://127.0.0.1{BACK}")
    return flow, dict(parse_qsl(urlsplit(approve(url)).query))


async def test_an_identity_stands_for_the_secret(tenant_here, approve, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{tenant_here.url}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "proof")
    provider = Provider(f"{tenant_here.url}/{TENANT}", APPLICATION, ExchangeToken(IDENTITY, tenant_here.url))
    assert await provider.redeem(*await begun(provider, approve))
    [form] = tenant_here.asked
    assert form["client_assertion"] == PROOF
    assert "client_secret" not in form


@pytest.mark.parametrize(
    ("host", "end"),
    [
        ("login.microsoftonline.com", ""),
        ("login.microsoftonline.us", "USGov"),
        ("login.partner.microsoftonline.cn", "China"),
        ("login.chinacloudapi.cn", "China"),
    ],
)
def test_each_cloud_has_an_audience_of_its_own_for_the_proof(host, end):
    assert audience(f"https://{host}") == f"api://AzureADTokenExchange{end}"


async def test_an_identity_that_is_not_here_is_named(tenant_here, approve, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{tenant_here.url}/nowhere")
    monkeypatch.setenv("IDENTITY_HEADER", "proof")
    provider = Provider(f"{tenant_here.url}/{TENANT}", APPLICATION, ExchangeToken(IDENTITY, tenant_here.url))
    given = await begun(provider, approve)
    with pytest.raises(Failure, match="BASELIFT_SIGN_IN_IDENTITY gives no token here"):
        await provider.redeem(*given)


async def test_a_service_that_fails_lets_nobody_in(tenant_here, approve):
    provider = Provider(f"{tenant_here.url}/{TENANT}", APPLICATION, SECRET)
    given = await begun(provider, approve)
    tenant_here.raw = 503, "{}"
    with pytest.raises(Denied, match="does not answer: try again") as caught:
        await provider.redeem(*given)
    assert caught.value.status == 503


async def test_a_tenant_that_is_not_there_lets_nobody_in_until_it_is(tenant_here, approve):
    provider = Provider(f"{tenant_here.url}/{TENANT}", APPLICATION, SECRET)
    tenant_here.there = False
    with pytest.raises(Denied, match="does not answer: try again"):
        await provider.begin(tenant_here.redirect)
    tenant_here.there = True
    assert await provider.redeem(*await begun(provider, approve))


async def test_the_verifier_is_of_this_flow(tenant_here, approve):
    provider = Provider(f"{tenant_here.url}/{TENANT}", APPLICATION, SECRET)
    flow, answer = await begun(provider, approve)
    other, _ = await begun(provider, approve)
    with pytest.raises(ProviderRefused) as caught:
        await provider.redeem(flow | {"code_verifier": other["code_verifier"]}, answer)
    assert "Code_Verifier" in caught.value.description


async def test_without_its_settings_the_page_says_which_turn_it_on(place, monkeypatch):
    given = _configured(place[0], BASELIFT_SIGN_IN_SECRET="", BASELIFT_SIGN_IN_URL="")
    access = Access(given.access, [given.secret_key])
    monkeypatch.setattr(wiring, "settings", lambda: given)
    monkeypatch.setattr(wiring, "access", lambda: access)
    dashboard_edge.forms.cache_clear()

    async def page(visit: Visit) -> func.HttpResponse:
        raise AssertionError(visit)

    request = func.HttpRequest("GET", "https://app.example/ui", headers={}, body=b"")
    answer = await showing(Role.READER)(page)(request)
    dashboard_edge.forms.cache_clear()
    assert answer.status_code == 401
    assert b"BASELIFT_SIGN_IN_SECRET" in answer.get_body()
    assert b"Sign in with Microsoft" not in answer.get_body()


def test_an_unresolved_reference_to_the_vault_is_no_secret(place):
    with pytest.raises(settings.SettingsError, match="BASELIFT_SIGN_IN_SECRET is an unresolved Key Vault reference"):
        _configured(place[0], BASELIFT_SIGN_IN_SECRET="@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/s/x)")


def test_the_secret_is_in_no_text_of_the_settings(place):
    read = _configured(place[0]).access
    assert read.sign_in.secret == SECRET
    assert SECRET not in repr(read)
