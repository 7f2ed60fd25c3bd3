"""`baselift login` where tokens come from Microsoft Entra: by device code, at an issuer of this test."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest
from access.support import AUDIENCE, TENANT, Issuer, part, serving
from aiohttp import web
from cli.inside import Inside

from baselift.access import documents
from baselift.access.caller import Denied, Incoming, Role
from baselift.cli import connection, tokens
from baselift.cli.errors import CommandError
from baselift.host.certificates import provide

APPLICATION = "6f0f2d7e-0f0c-4b60-8a5e-2a9f5f6d1c11"


class Tenant(Issuer):
    """An authority that people log in at with a code; `roles` are those of whoever does.

    Its keys are at `plain`: the app's own client trusts no certificate of a test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.roles = ["Baselift.Contributor"]
        self.asked_for: list[dict[str, str]] = []
        self.pending = 1
        self.denied = False
        self.refreshes = True
        self.lasts = 3600

    def access_token(self) -> str:
        return self.token(roles=self.roles, iss=f"{self.plain}/{TENANT}/v2.0")

    async def discovery(self, _request: web.Request) -> web.Response:
        root = f"{self.url}/{TENANT}"
        found = {name: f"{root}/oauth2/v2.0/{name}" for name in ("authorize", "token", "devicecode")}
        return web.json_response(
            {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": found["authorize"],
                "token_endpoint": found["token"],
                "device_authorization_endpoint": found["devicecode"],
            }
        )

    async def code(self, request: web.Request) -> web.Response:
        self.asked_for.append({str(name): str(value) for name, value in (await request.post()).items()})
        answer = {"device_code": "dev1ce", "user_code": "ABC-123", "verification_uri": f"{self.url}/device"}
        answer |= {"expires_in": 60, "interval": 1}
        return web.json_response(answer | {"message": f"Open {self.url}/device and enter the code ABC-123"})

    async def give(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("device_code") == "dev1ce":
            if self.pending:
                self.pending -= 1
                return web.json_response({"error": "authorization_pending"}, status=400)
            if self.denied:
                return web.json_response({"error": "access_denied", "error_description": "No."}, status=400)
        elif not (self.refreshes and form.get("refresh_token") == "r3fresh"):
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = self.claims(aud=form["client_id"], roles=None, oid="o", name="Ada")
        body = {"token_type": "Bearer", "access_token": self.access_token(), "expires_in": self.lasts}
        body |= {"refresh_token": "r3fresh", "scope": f"{AUDIENCE}/.default"}
        body |= {"id_token": jwt.encode(claims, self.keys["one"], "RS256", {"kid": "one"})}
        return web.json_response(body | {"client_info": part({"uid": "o", "utid": TENANT})})


@pytest.fixture(scope="module")
async def authority(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Tenant, Path]]:
    """The authority, by https, and what to trust for it."""
    tenant, files = Tenant(), provide(tmp_path_factory.mktemp("authority") / "https")
    application = web.Application()
    application.router.add_get(f"/{TENANT}/v2.0/.well-known/openid-configuration", tenant.discovery)
    application.router.add_post(f"/{TENANT}/oauth2/v2.0/devicecode", tenant.code)
    application.router.add_post(f"/{TENANT}/oauth2/v2.0/token", tenant.give)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    files.load_into(context)
    keys = web.Application()
    keys.router.add_get(f"/{TENANT}/discovery/v2.0/keys", tenant.serve)
    async with serving(application, ssl_context=context) as port, serving(keys) as plain:
        tenant.url, tenant.plain = f"https://localhost:{port}", f"http://127.0.0.1:{plain}"
        yield tenant, files.ca


@pytest.fixture(scope="module")
async def guarded(authority: tuple[Tenant, Path]) -> AsyncIterator[str]:
    """The routes of an app of mode `entra` that a login meets, on the app's own check of tokens."""
    tenant, _ = authority
    access, announced = tenant.access(BASELIFT_AUTHORITY=tenant.plain), tenant.access()

    async def metadata(request: web.Request) -> web.Response:
        return web.json_response(documents.cloud(announced.settings, str(request.url.origin())))

    async def subscriptions(request: web.Request) -> web.Response:
        try:
            await access.check(Incoming(request.method, str(request.url), request.headers), Role.READER)
        except Denied as denied:
            return web.json_response(denied.body(), status=denied.status)
        return web.json_response({"value": []})

    application = web.Application()
    application.router.add_get("/metadata/endpoints", metadata)
    application.router.add_get("/subscriptions", subscriptions)
    async with serving(application) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def tenant(authority: tuple[Tenant, Path]) -> Tenant:
    tenant, _ = authority
    tenant.__dict__.update({"roles": ["Baselift.Contributor"], "pending": 0, "denied": False, "refreshes": True})
    tenant.__dict__.update({"lasts": 3600, "asked_for": []})
    return tenant


@pytest.fixture
def user(guarded: str, authority: tuple[Tenant, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    """The command of a user whose configuration is in the directory."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority[1]))
    monkeypatch.setenv("BASELIFT_URL", guarded)
    return Inside(guarded, tmp_path)


async def token() -> str | None:
    """The token that a command would send now."""
    return await asyncio.to_thread(lambda: tokens.token(connection.endpoint()))


def kept(directory: Path) -> list[Path]:
    return [path for path in (directory / "config").rglob("*") if path.is_file()]


async def test_a_person_logs_in_with_a_code_and_the_login_renews_itself(tenant, user, tmp_path):
    tenant.pending = 1
    done = await asyncio.to_thread(user, "login", "--client-id", APPLICATION)
    assert (done.code, done.out) == (0, f"Logged in to {user.url} as ada@example.org.\n"), done.err
    assert done.err == f"Open {tenant.url}/device and enter the code ABC-123\n"
    [asked] = tenant.asked_for
    assert asked["client_id"] == APPLICATION
    assert f"{AUDIENCE}/.default" in asked["scope"].split()
    [file] = kept(tmp_path)
    old = json.loads(file.read_text())
    assert (file.stat().st_mode & 0o777, old["who"]) == (0o600, "ada@example.org")
    assert await token() == old["token"]
    # The token's end has come, in our own note and in MSAL's.
    cache = json.loads(old["renewal"]["cache"])
    for entry in cache["AccessToken"].values():
        entry |= {"expires_on": str(int(time.time())), "cached_at": str(int(time.time()) - 3600)}
    renewal = old["renewal"] | {"cache": json.dumps(cache)}
    file.write_text(json.dumps(old | {"expires": time.time(), "token": "a.b.c", "renewal": renewal}))
    fresh = await token()
    assert fresh == json.loads(file.read_text())["token"] != "a.b.c"
    shown = Incoming("GET", user.url, {"authorization": f"Bearer {fresh}"})
    caller = await tenant.access(BASELIFT_AUTHORITY=tenant.plain).check(shown, Role.READER)
    assert caller.name == "ada@example.org"
    tenant.refreshes = False
    file.write_text(json.dumps(old | {"expires": time.time(), "renewal": renewal}))
    with pytest.raises(CommandError, match="has expired: run `baselift login`"):
        await token()


async def test_who_has_no_role_or_says_no_is_not_let_in_and_nothing_is_kept(tenant, user, tmp_path):
    tenant.roles = []
    done = await asyncio.to_thread(user, "login")
    assert done.code == 1
    assert "does not let ada@example.org in (status 403): an administrator has to assign Baselift.Reader" in done.err
    tenant.denied = True
    done = await asyncio.to_thread(user, "login")
    assert done.err.splitlines()[-1] == f"ERROR: {tenant.url}/{TENANT} refuses the login: No."
    assert kept(tmp_path) == []


@pytest.mark.parametrize("audience", ["https://management.azure.com", "00000003-0000-0000-c000-000000000000", ""])
async def test_no_server_is_given_a_token_for_something_else(user, audience, tmp_path):
    async def metadata(_: web.Request) -> web.Response:
        found = {"identityProvider": "AAD", "loginEndpoint": "https://localhost:1", "tenant": TENANT}
        return web.json_response({"authentication": found | {"audiences": [audience]}})

    application = web.Application()
    application.router.add_get("/metadata/endpoints", metadata)
    async with serving(application) as port:
        other = Inside(f"http://127.0.0.1:{port}", tmp_path)
        done = await asyncio.to_thread(other, "login")
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert f"a token for '{audience}': only api://" in done.err
