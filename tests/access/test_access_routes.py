"""The login's routes, over real connections and with the real SDK."""

import asyncio
import ipaddress
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import azure.functions as func
import pytest
from access.support import AUDIENCE, FORM, TENANT, clients_access, issuing, secret_key, serving
from aiohttp import web
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from baselift import wiring
from baselift.access.access import Access
from baselift.access.settings import load
from baselift.host.routes import compile_route
from functions import login

SUBSCRIPTION = "AAAAAAAA-0000-4000-8000-000000000001"
CI, EYE = ("ci", "contributor", "right"), ("eye", "reader", "view")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A file with a key and a certificate of its own for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "localhost.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


def endpoints():
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    app.register_functions(login.bp)
    for function in app.get_functions():
        trigger = function.get_trigger().get_dict_repr()
        methods = {str(getattr(method, "value", method)).upper() for method in trigger["methods"]}
        yield compile_route(trigger["route"]), methods, function.get_user_function()


def application():
    known = list(endpoints())

    async def answer(request):
        path = request.path.strip("/").removeprefix("prefix/")
        for route, methods, handler in known:
            parameters = route.match(path)
            if parameters is not None and request.method in methods:
                given = func.HttpRequest(
                    request.method,
                    str(request.url),
                    headers=dict(request.headers),
                    params=dict(request.query),
                    route_params=parameters,
                    body=await request.read(),
                )
                made = await handler(given)
                headers = {"Content-Type": f"{made.mimetype}; charset={made.charset}", **made.headers}
                return web.Response(status=made.status_code, body=made.get_body(), headers=headers)
        return web.Response(status=404, text="no route")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return app


@pytest.fixture
def use(monkeypatch):
    """Make the app's access this one."""
    environment = {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "BASELIFT_LOGIN_SERVER": "localhost:5000",
        "BASELIFT_SECRET_KEY": secret_key(1),
        "BASELIFT_WEBHOOK_SECRET": "secret",
        "BASELIFT_SUBSCRIPTION": SUBSCRIPTION,
    }
    settings = wiring.load(environment)
    monkeypatch.setattr(wiring, "settings", lambda: settings)
    return lambda access: monkeypatch.setattr(wiring, "access", lambda: access, raising=False)


@pytest.fixture
async def session():
    async with serving(application()) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as opened:
        opened.__dict__["port"] = port
        yield opened


@asynccontextmanager
async def https(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with serving(application(), ssl_context=context) as port:
        yield f"https://localhost:{port}"


async def get(session, path, status=200, token=None, **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        given["Authorization"] = f"Bearer {token}"
    async with session.get(path, headers=given) as answer:
        body = await answer.json()
        assert answer.status == status, body
        assert answer.content_type == "application/json"
        if status >= 400:
            assert body["error"]["code"]
            assert body["error"]["message"]
            assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        return body


async def post(session, path, status=200, **fields):
    async with session.post(path, data=fields) as answer:
        body = await answer.json()
        assert answer.status == status, body
        assert answer.headers["Cache-Control"] == "no-store"
        return body


async def token(session, name="ci", secret="right"):
    fields = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
    return (await post(session, "/adfs/oauth2/token", **fields))["access_token"]


async def test_a_cloud_is_described_to_everyone(session, use):
    use(clients_access(CI))
    body = await get(session, "/metadata/endpoints?api-version=2022-09-01")
    own = f"http://127.0.0.1:{session.port}"
    assert body["name"]
    assert body["resourceManager"] == own
    assert body["authentication"]["loginEndpoint"] == f"{own}/adfs"
    assert body["authentication"]["audiences"] == ["api://baselift"]
    assert body["suffixes"] == {
        "acrLoginServer": "azurecr.io",
        "keyVaultDns": "vault.azure.net",
        "storage": "core.windows.net",
    }


async def test_a_path_prefix_stays_in_what_is_handed_out(session, use):
    use(clients_access(CI))
    body = await get(session, "/prefix/metadata/endpoints")
    assert body["authentication"]["loginEndpoint"].endswith("/prefix/adfs")
    found = await get(session, "/prefix/adfs/.well-known/openid-configuration")
    assert found["token_endpoint"].endswith("/prefix/adfs/oauth2/token")


async def test_a_proxy_names_the_address_only_when_it_is_trusted(session, use):
    forwarded = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "builds.example.org"}
    use(clients_access(CI))
    body = await get(session, "/metadata/endpoints", **forwarded)
    assert body["authentication"]["loginEndpoint"] == f"http://127.0.0.1:{session.port}/adfs"
    use(clients_access(CI, BASELIFT_TRUST_PROXY="true"))
    body = await get(session, "/metadata/endpoints", **forwarded)
    assert body["authentication"]["loginEndpoint"] == "https://builds.example.org/adfs"
    body = await get(session, "/adfs/.well-known/openid-configuration", **forwarded)
    assert body["issuer"] == "https://builds.example.org/adfs"


async def test_the_subscription_is_shown_to_readers_and_to_nobody_else(session, use):
    use(clients_access(CI, EYE))
    for path in ("/subscriptions", f"/subscriptions/{SUBSCRIPTION}", "/tenants"):
        assert (await get(session, path, 401))["error"]["code"] == "AuthenticationFailed"
        assert (await get(session, path, 401, token="junk"))["error"]["code"] == "InvalidAuthenticationToken"
    reader = await token(session, "eye", "view")
    listed = await get(session, "/subscriptions?api-version=2022-12-01", token=reader)
    one = await get(session, f"/subscriptions/{SUBSCRIPTION.lower()}", token=reader)
    assert listed["value"] == [one]
    assert one["id"] == f"/subscriptions/{SUBSCRIPTION}"
    assert (one["subscriptionId"], one["state"]) == (SUBSCRIPTION, "Enabled")
    tenants = await get(session, "/tenants", token=reader)
    assert [tenant["tenantId"] for tenant in tenants["value"]] == [one["tenantId"]]
    missing = await get(session, "/subscriptions/other", 404, token=reader)
    assert "other" in missing["error"]["message"]


async def test_a_wrong_secret_is_told_in_the_words_of_the_protocol(session, use):
    use(clients_access(CI))
    fields = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": "wrong"}
    body = await post(session, "/adfs/oauth2/token", 401, **fields)
    assert (body["error"], body["error_codes"]) == ("invalid_client", [7000215])


async def test_a_login_by_device_code_is_told_what_to_do_instead(session, use):
    use(clients_access(CI))
    body = await post(session, "/adfs/oauth2/devicecode", 400, client_id="x")
    assert "client id and secret" in body["error_description"]


async def test_in_mode_none_everything_is_open_to_this_machine_alone(session, use):
    use(Access(load({}), [secret_key(1)]))
    assert (await get(session, "/subscriptions"))["value"]
    assert await token(session, "anyone", "anything")
    for path in ("/subscriptions", "/metadata/endpoints", "/adfs/.well-known/openid-configuration", "/tenants"):
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
            assert (await get(session, path, 403, **headers))["error"]["code"] == "AuthorizationFailed"
    form = "grant_type=client_credentials&client_id=a&client_secret=b"
    headers = {"Origin": "https://evil.example", "Content-Type": FORM}
    async with session.post("/adfs/oauth2/token", data=form, headers=headers) as answer:
        assert answer.status == 403


async def test_in_mode_entra_logins_go_to_the_tenant(session, use):
    async with issuing() as issuer:
        use(issuer.access())
        body = await get(session, "/metadata/endpoints")
        assert body["authentication"]["loginEndpoint"] == issuer.url
        assert body["authentication"]["tenant"] == TENANT
        assert body["authentication"]["audiences"] == [AUDIENCE]
        await get(session, "/adfs/.well-known/openid-configuration", 404)
        for path in ("/adfs/oauth2/token", "/adfs/oauth2/devicecode"):
            async with session.post(path, data={"grant_type": "client_credentials"}) as answer:
                assert answer.status == 404
                assert (await answer.json())["error"]["code"] == "ResourceNotFound"
        assert (await get(session, "/subscriptions", token=issuer.token()))["value"]
        await get(session, "/subscriptions", 403, token=issuer.token(roles=[]))
        await get(session, "/subscriptions", 401, token=issuer.token(aud="https://management.azure.com/"))
        assert (await get(session, "/tenants", token=issuer.token()))["value"][0]["tenantId"] == TENANT


async def test_in_mode_entra_without_an_issuer_the_answer_is_to_come_back(session, use):
    async with issuing() as gone:
        use(gone.access())
        reader = gone.token()
    assert (await get(session, "/subscriptions", 503, token=reader))["error"]["code"] == "ServiceUnavailable"


@pytest.mark.parametrize("scope", ["api://baselift/.default", "https://management.core.windows.net//.default"])
async def test_the_real_sdk_logs_in_over_https(certificate, use, scope):
    use(clients_access(CI, EYE))
    async with https(certificate) as address:
        found = await in_thread(address, certificate, "right", scope)
        trusting = ssl.create_default_context(cafile=certificate)
        connector = aiohttp.TCPConnector(ssl=trusting)
        async with aiohttp.ClientSession(address, connector=connector) as session:
            assert (await get(session, "/subscriptions", token=found))["value"]
            body = await get(session, "/metadata/endpoints")
            assert body["authentication"]["loginEndpoint"] == f"{address}/adfs"


async def test_the_real_sdk_shows_why_a_login_failed(certificate, use):
    use(clients_access(CI))
    async with https(certificate) as address:
        with pytest.raises(ClientAuthenticationError, match="The client id or the client secret is wrong"):
            await in_thread(address, certificate, "wrong", "api://baselift/.default")


async def in_thread(address, certificate, secret, scope):
    """A token by the SDK, which knows an authority of the kind ADFS by the tenant's name."""

    def ask():
        with ClientSecretCredential(
            "adfs",
            "ci",
            secret,
            authority=address,
            disable_instance_discovery=True,
            connection_verify=str(certificate),
            retry_total=0,
        ) as credential:
            return credential.get_token(scope, enable_cae=True).token

    return await asyncio.to_thread(ask)
